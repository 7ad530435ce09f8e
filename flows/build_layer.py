"""Bronze to silver to gold: everything is prepared and audited, then committed together or not at all."""

from __future__ import annotations

from prefect import flow

from flows.parameters import CONFIG, LOCAL, Config, Env, Layer, RunDate, Select
from flows.pipeline import build, commit_together, work_on
from flows.run_context import open_run
from tidemark.errors import ConfigError

FLOW = "build-layer"


@flow(name=FLOW, flow_run_name="build {layer} {env}", persist_result=False, log_prints=False)
def build_layer(
    env: Env = LOCAL,
    config: Config = CONFIG,
    date: RunDate = None,
    layer: Layer = Layer.both,
    select: Select = None,
) -> str:
    """Builds the tables of one layer or both, inputs first, and gives the id of the run.

    Tables are prepared from the candidates of their inputs, so that nothing is visible before every gate has passed.
    On its own the flow then commits all of them and records a release; inside another flow that one does.
    """
    with open_run(FLOW, env, config, date) as run:
        project = run.engine.project
        tables = tuple(name for name in project.select(select or ()) if project.table(name).layer in layer.layers)
        if not tables:
            raise ConfigError(f"no {layer.value} table is selected", next_step="tidemark validate lists the tables")
        run.collector.stage(f"build {layer.value}", tables)
        outcome = work_on(run, tables, lambda table: build(run, table))
        outcome.raise_failures(
            f"{len(outcome.failures)} of {len(tables)} tables failed; nothing of silver and gold was committed",
            next_step="see to the tables named above, then run again",
        )
        if run.flow == FLOW:
            commit_together(run, tables)
        return run.engine.run.run_id
