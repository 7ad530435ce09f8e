"""A plan: the daily run up to its commits. Everything is prepared and audited, told, and can be applied as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from prefect import flow

from flows.running.approval import days_again
from flows.running.commits import claim
from flows.running.context import RunContext, open_run
from flows.running.parameters import (
    CONFIG,
    LOCAL,
    Allowed,
    Config,
    EnvironmentName,
    RunDate,
    Selection,
    Since,
    allowances,
)
from flows.running.pipeline import build, receive, work_on
from flows.running.run_names import dated
from flows.running.telling.artifacts import show_markdown
from tasks import steps as tasks
from tasks.steps import unseen
from tidemark.aws.folder import open_folder
from tidemark.control.approvals import Allowance, acting
from tidemark.plans import store
from tidemark.plans.drafting import draft
from tidemark.plans.predict import published_releases
from tidemark.plans.report import markdown

if TYPE_CHECKING:
    from tidemark.backfill.outline import Outline
    from tidemark.plans.document import PlanDocument, Prediction
    from tidemark.write.manifest import Prepared

FLOW = "plan"
ARTIFACT = "tidemark-plan"


@flow(name=FLOW, flow_run_name=dated("plan"), persist_result=False, log_prints=False)
def plan(
    env: EnvironmentName = LOCAL,
    config: Config = CONFIG,
    date: RunDate = None,
    select: Selection | None = None,
    full_refresh: bool = False,
    since: Since = None,
    allow: Allowed | None = None,
) -> str:
    """Predicts what the daily run would do, to every selected table down to gold, and gives the id of the plan.

    Sources are read into staging, and every table is prepared and audited from there; no table, no watermark and no
    error lane changes. `apply` commits just this, as long as nothing that it was made from moves; where two people are
    wanted for what the plan lets pass, it asks for them.

    Args:
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        date: Logical date of the run (UTC), today when empty; nothing after its end is read.
        select: Tables: names, patterns (gold.*), tags (tag:crm), + for up- or downstream; all when empty.
        full_refresh: Read everything the sources have, not only what is new, and build every table anew.
        since: Read from this instant (UTC) on, not from the committed watermark.
        allow: Limits of the selected tables that this run lets pass: deleted, rejected, empty.
    """
    allows = Allowance(allowances(allow, select))
    with open_run(FLOW, env, config, date, plans=True, allows=allows) as run:
        project = run.engine.project
        tables = project.select(select or ())
        claim(run, tables)

        def prepare(table: str) -> Prepared | None:
            if project.table(table).load.source:
                return receive(run, table, since, full_refresh)
            return build(run, table, full_refresh)

        document = draw_up(run, tables, prepare)
        days = days_again(project, select, date, since, full_refresh=full_refresh)
        store.note_open(run.engine.state, document, acting(), allows=sorted(allows.limits), days=days)
        return document.plan


def draw_up(
    run: RunContext,
    tables: Sequence[str],
    prepare: Callable[[str], Prepared | None],
    backfill: Outline | None = None,
) -> PlanDocument:
    """Prepares and audits the tables, inputs first, and gives the plan, which lies in staging and is shown in Prefect.

    `prepare` gives a table's batch, None where there is nothing new. Raises what failed, when the plan has been shown.
    """
    engine = run.engine
    published = published_releases(engine.state, tuple(engine.environment.targets))
    predicted: dict[str, Prediction] = {}

    def predict(table: str) -> None:
        batch = prepare(table)
        look_up = tasks.on_spark(engine.environment, tasks.predict)
        predicted[table] = look_up(unseen(engine), table, unseen(published))
        if batch is not None:
            run.collector.end(table, "prepared")

    run.collector.stage("plan", tables)
    outcome = work_on(run, tables, predict, gated=True)
    document = draft(engine, run.collector.summary("running"), predicted, backfill)
    store.save(open_folder(engine.environment.roots.staging, engine.environment.aws), document)
    show_markdown(ARTIFACT, markdown(document), f"plan {document.environment} {document.date}")
    outcome.raise_failures(
        f"{len(outcome.failures)} of {len(tables)} tables failed; the plan cannot be applied",
        next_step="see to the tables named above, then plan again",
    )
    return document
