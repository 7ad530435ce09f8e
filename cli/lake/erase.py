"""`tidemark erase`: a person, from everywhere and for good. Without `--yes` it says what it would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.console.options import CONFIG, LOCAL, ApprovalsOption, ConfigOption, DebugOption, EnvOption, JsonOption
from cli.console.output import columns, show, show_json

if TYPE_CHECKING:
    from tidemark.config.project import Project
    from tidemark.engine import Engine
    from tidemark.operations.erasing.course import Outline

SubjectOption = Annotated[
    str,
    typer.Option(
        "--subject",
        help="The person: silver.customers.customer_id=CUST-000123; of a key that means one thing everywhere its name "
        "alone.",
        metavar="KEY=VALUE",
    ),
]


def erase(
    subject: SubjectOption,
    yes: Annotated[bool, typer.Option("--yes", help="Do it: it cannot be taken back.")] = False,
    request: Annotated[
        bool, typer.Option("--request", help="Write it down for the deployment `erase`, and print its id.")
    ] = False,
    approvals: ApprovalsOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Erases a person from all layers, rejected rows, files, releases and warehouses; shows first what it would do."""
    from tidemark.config.project import load_project
    from tidemark.operations.erasing import person

    project = load_project(config, env)
    who = person.person(project, subject)
    if not (yes or request):
        from tidemark.lint.privacy.subjects import untold
        from tidemark.operations.erasing import course

        found = course.outline(_looking(project), who)
        show_outline(found, untold(who.trail, project.tables), as_json=as_json)
        return
    person.refuse_untold(project, who)
    name = person.keep(project.environment, who)
    if not yes:
        show_json({"erasure": name}) if as_json else show(name)
        return
    from cli.console.launch import launch

    launch("erase", {"erasure": name, "approvals": approvals}, env=env, config=config, as_json=as_json, debug=debug)


def _looking(project: Project) -> Engine:
    """An engine that only looks."""
    from blocks.register import connect
    from tidemark.control.runs import Run
    from tidemark.control.state import open_state
    from tidemark.engine import Engine
    from tidemark.spark.session import build_session

    environment = project.environment
    run = Run.start(None, plans=True)
    return Engine(
        project, build_session(environment), open_state(environment), lambda name: connect(environment, name), run
    )


def show_outline(found: Outline, untold: tuple[str, ...], *, as_json: bool) -> None:
    """Prints what an erasure would do; `untold`: what contracts have to say before it can be done."""
    from dataclasses import asdict

    if as_json:
        show_json(asdict(found) | {"untold": untold})
        return
    listed = columns("table", "rows", "what becomes of them", right=("rows",))
    for table, words in found.treated.items():
        listed.add_row(table, str(found.rows.get(table, 0)), words)
    for table in found.computed:
        listed.add_row(table, str(found.rows.get(table, 0)), "computed anew from these")
    show(listed)
    show(f"{found.rejected} rejected rows are removed")
    show("all releases of before, and every file that they alone have, are gone for good; sources are not changed")
    for sentence in untold:
        show(f"first: {sentence}")
    if not untold:
        show("to do it: the same command with --yes")
