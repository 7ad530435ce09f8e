"""Bronze to silver to gold: everything is prepared and audited, then committed together or not at all."""

from __future__ import annotations

from prefect import flow

from flows.running.approval import allowance
from flows.running.commits import claim, commit_together
from flows.running.context import RunContext, open_run
from flows.running.parameters import (
    BOTH,
    CONFIG,
    LAYERS,
    LOCAL,
    Allowed,
    Approvals,
    Config,
    EnvironmentName,
    Layer,
    RunDate,
    Selection,
)
from flows.running.pipeline import build, work_on
from flows.running.run_names import dated
from tidemark.errors import ConfigError

FLOW = "build-layer"


@flow(name=FLOW, flow_run_name=dated("build {layer}"), persist_result=False, log_prints=False)
def build_layer(
    env: EnvironmentName = LOCAL,
    config: Config = CONFIG,
    date: RunDate = None,
    layer: Layer = BOTH,
    select: Selection | None = None,
    full_refresh: bool = False,
    allow: Allowed | None = None,
    approvals: Approvals = None,
) -> str:
    """Builds the tables of one layer or both, inputs first, and gives the id of the run.

    Tables are prepared from the candidates of their inputs, so that nothing is visible before every gate has passed.
    On its own the flow then commits all of them and records a release; inside another flow that one does.

    Args:
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        date: Logical date of the run (UTC), today when empty; nothing after its end is read.
        layer: What to build.
        select: Tables: names, patterns (gold.*), tags (tag:crm), + for up- or downstream; all when empty.
        full_refresh: Build every table anew, not only what changes of its inputs affect.
        allow: Limits of the selected tables that this run lets pass: deleted, rejected, empty.
        approvals: Tokens of two people (`tidemark approve`), blanks between, where the environment wants them.
    """
    allows = allowance(FLOW, env, config, approvals, day=date, allow=allow, select=select, layer=layer)
    with open_run(FLOW, env, config, date, allows=allows) as run:
        project = run.engine.project
        tables = tuple(name for name in project.select(select or ()) if project.table(name).layer in LAYERS[layer])
        if not tables:
            raise ConfigError(f"no {layer} table is selected", next_step="select others, or leave the selection out")
        if run.flow == FLOW:
            claim(run, tables)
        run.collector.stage(f"build {layer}", tables)
        outcome = work_on(run, tables, lambda table: _build(run, table, full_refresh), gated=True)
        outcome.raise_failures(
            f"{len(outcome.failures)} of {len(tables)} tables failed; nothing of silver and gold was committed",
            next_step="see to the tables named above, then run again",
        )
        if run.flow == FLOW:
            commit_together(run, tables)
        return run.engine.run.run_id


def _build(run: RunContext, table: str, full: bool) -> None:
    if build(run, table, full) is not None:
        run.collector.end(table, "prepared")
