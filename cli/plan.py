"""`tidemark plan` and `tidemark apply`: what a run would do, and doing exactly that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console.options import (
    CONFIG,
    LOCAL,
    AllowOption,
    ApprovalsOption,
    ConfigOption,
    DateOption,
    DebugOption,
    EnvOption,
    FullRefreshOption,
    JsonOption,
    SelectOption,
    SinceOption,
    environment_of,
    instant,
    run_date,
    selection,
)
from cli.console.output import show, show_json
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from tidemark.config.environment import Environment
    from tidemark.control.runs import RunSummary
    from tidemark.plans.document import PlanDocument

CHANGES = 4
"""The exit code of a plan with changes."""


def plan(
    select: SelectOption = None,
    date: DateOption = None,
    full_refresh: FullRefreshOption = False,
    since: SinceOption = None,
    allow: AllowOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the plan to this file, as JSON.")] = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """What a run would do, down to gold; nothing is committed. Exit code 4: there are changes, 0: there are none."""
    from cli.console.launch import launch

    parameters = {
        "select": selection(select),
        "date": run_date(date),
        "full_refresh": full_refresh,
        "since": instant(since),
        "allow": selection(allow),
    }
    environment = environment_of(env, config)
    made: list[PlanDocument] = []

    def report(summary: RunSummary) -> None:
        document = show_plan(environment, summary, as_json)
        if document is not None:
            made.append(document)
            if out is not None:
                _write(out, document)

    launch("plan", parameters, env=env, config=config, debug=debug, report=report)
    if any(document.changes for document in made):
        raise typer.Exit(CHANGES)


def show_plan(environment: Environment, summary: RunSummary, as_json: bool) -> PlanDocument | None:
    """Prints the plan that a run has made, and gives it; None where the run did not come that far."""
    from tidemark.aws.folder import open_folder
    from tidemark.plans import store
    from tidemark.plans.report import render

    document = store.load(open_folder(environment.roots.staging, environment.aws), summary.run_id)
    if document is None:
        return None
    if as_json:
        show_json(document.to_json())
    else:
        show(render(document))
    return document


def _write(out: Path, document: PlanDocument) -> None:
    try:
        out.write_text(json.dumps(document.to_json(), indent=1) + "\n", encoding="utf-8")
    except OSError as failure:
        raise ConfigError(
            f"the plan could not be written to {out}: {failure.strerror}",
            next_step=f"tidemark apply {document.plan[:8]} finds it without the file",
        ) from failure


def apply(
    plan: Annotated[str, typer.Argument(help="The file that `plan --out` has written, or the plan's id.")],
    approvals: ApprovalsOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Commits just what a plan has prepared, and publishes it; refuses when something has moved since."""
    from cli.console.launch import launch
    from tidemark.control.state import open_state
    from tidemark.plans import binding, store

    environment = environment_of(env, config)
    looked_at = _read(plan, environment) if Path(plan).is_file() else None
    found = store.find(open_state(environment), looked_at.plan if looked_at else plan)
    if looked_at is not None and found.digest != binding.digest(looked_at):
        raise ConfigError(
            f"{plan} is not what plan {found.short_id} was when it was made; nothing was written",
            next_step="find out who changed the file: tidemark plan makes a new one",
        )
    if found.status != "applied":
        parameters = {"plan": found.plan, "approvals": approvals}
        launch("apply", parameters, env=env, config=config, as_json=as_json, debug=debug)
    elif as_json:
        show_json({"plan": found.plan, "status": found.status, "run_id": found.run_id, "release": found.release})
    else:
        told = f"plan {found.short_id} was applied already, by run {str(found.run_id)[:8]}, as release {found.release}"
        show(f"{told}: there is nothing to do")


def _read(plan: str, environment: Environment) -> PlanDocument:
    """The plan in a file."""
    from tidemark.plans.document import PlanDocument

    try:
        document = PlanDocument.from_json(json.loads(Path(plan).read_text(encoding="utf-8")))
    except (ValueError, OSError, AttributeError) as broken:
        raise ConfigError(
            f"{plan} is no plan: {str(broken).splitlines()[0]}", next_step="tidemark plan --out F writes one"
        ) from broken
    if document.environment != environment.name:
        raise ConfigError(
            f"{plan} is a plan of the environment {document.environment}, not of {environment.name}",
            next_step=f"--env {document.environment}",
        )
    return document
