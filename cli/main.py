"""The `tidemark` command. Every command imports what it needs when it is called, so that small ones answer at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import typer

from cli import approve, backfill, bypass, plan, prefect, privacy, reports, sandbox, sla
from cli.console.options import (
    CONFIG,
    LOCAL,
    AllowOption,
    ApprovalsOption,
    ConfigForAll,
    ConfigOption,
    DateOption,
    DebugOption,
    EnvForAll,
    EnvOption,
    FullRefreshOption,
    JsonOption,
    SelectOption,
    SinceOption,
    instant,
    lake_of,
    run_date,
    selection,
)
from cli.console.output import confirm, list_jobs, show_error, write
from cli.lake import access, erase, errors, maintain, reconcile, recover, show, snapshot, subject, verify
from cli.project import catalog, contract, init, sqltests
from cli.project import config as cli_config
from tidemark import advice

app = typer.Typer(
    name="tidemark",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        write(f"tidemark {version('tidemark')}\n")
        raise typer.Exit


@app.callback(
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 a gate failed, 4 a plan with changes."
)
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
    env: EnvForAll = None,
    config: ConfigForAll = None,
) -> None:
    """A lakehouse in your own account: sources to bronze, silver, gold, and back to the warehouses."""


def run(
    select: SelectOption = None,
    date: DateOption = None,
    full_refresh: FullRefreshOption = False,
    since: SinceOption = None,
    allow: AllowOption = None,
    approvals: ApprovalsOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """The daily pipeline, or the selected part of it."""
    from cli.console.launch import launch

    parameters = {
        "select": selection(select),
        "date": run_date(date),
        "full_refresh": full_refresh,
        "since": instant(since),
        "allow": selection(allow),
        "approvals": approvals,
    }
    launch("daily", parameters, env=env, config=config, as_json=as_json, debug=debug)


def job(
    name: Annotated[str | None, typer.Argument(help="Name of the job; without one, all are listed.")] = None,
    select: SelectOption = None,
    date: DateOption = None,
    full_refresh: FullRefreshOption = False,
    since: SinceOption = None,
    allow: AllowOption = None,
    approvals: ApprovalsOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """One job of the configuration's jobs.yaml by its name."""
    from cli.console.launch import launch
    from tidemark.config.files.source import local_folder
    from tidemark.config.jobs import job_named, load_jobs

    jobs = load_jobs(local_folder(config))
    if name is None:
        list_jobs(jobs, as_json=as_json)
        return
    found = job_named(jobs, name)
    typed = {
        "select": selection(select),
        "date": run_date(date),
        "full_refresh": full_refresh,
        "since": instant(since),
        "allow": selection(allow),
        "approvals": approvals,
    }
    parameters = found.parameters | {key: value for key, value in typed.items() if value}
    launch(found.flow, parameters, env=env, config=config, as_json=as_json, debug=debug, job=name)


def check(
    select: SelectOption = None,
    date: DateOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """The gates alone: runs the checks of tables as they are, and commits nothing."""
    from cli.console.launch import launch

    parameters = {"select": selection(select), "date": run_date(date)}
    launch("quality_gate", parameters, env=env, config=config, as_json=as_json, debug=debug)


def restore(
    run: Annotated[str, typer.Option("--run", help="Run (the start of its id), or release (r31), to go back to.")],
    leave: Annotated[
        list[str] | None, typer.Option("--leave", help="Leave these tables as they are. Repeatable.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    approvals: ApprovalsOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Back to the release of a run: tables, watermarks and warehouses. The next run brings everything forward again."""
    from cli.console.launch import launch
    from tidemark.control.state import open_state
    from tidemark.operations import restore as restoring

    wanted = restoring.wanted(open_state(lake_of(env, config)), run)
    if not yes:
        confirm(f"take all tables and warehouses back to {wanted.name} of {wanted.date}?")
    parameters = {"run": wanted.name, "leave": selection(leave), "approvals": approvals}
    launch("restore", parameters, env=env, config=config, as_json=as_json, debug=debug)


COMMANDS: Mapping[str, Mapping[str, typer.Typer | Callable[..., None]]] = {
    "Run": {
        "run": run,
        "job": job,
        "plan": plan.plan,
        "apply": plan.apply,
        "backfill": backfill.backfill,
        "check": check,
        "maintain": maintain.maintain,
    },
    "Look": {
        "show": show.show_rows,
        "query": show.query,
        "ls": show.ls,
        "graph": show.graph,
        "runs": reports.runs,
        "state": reports.state,
        "sla": sla.sla,
        "catalog": catalog.catalog,
        "verify": verify.verify,
        "reconcile": reconcile.reconcile,
    },
    "When something is wrong": {
        "errors": errors.errors,
        "doctor": cli_config.doctor,
        "bypass": bypass.bypass,
        "recover": recover.recover,
        "restore": restore,
        "approve": approve.approve,
        "snapshot": snapshot.snapshot,
    },
    "Tables and configuration": {
        "init": init.init,
        "validate": cli_config.validate,
        "test": sqltests.run_tests,
        "contract": contract.contract,
        "schema": cli_config.schema,
        "ddl": cli_config.ddl,
        "config": cli_config.files,
    },
    "People": {
        "erase": erase.erase,
        "subject": subject.subject,
        "privacy": privacy.privacy,
        "access": access.access,
    },
    "Systems": {"prefect": prefect.prefect, "blocks": prefect.blocks, "sandbox": sandbox.sandbox},
}
"""All commands, by what one wants; the help shows them in this order."""
for panel, commands in COMMANDS.items():
    for name, command in commands.items():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(command)


@advice.about(advice.Where())
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and gives its exit code: 0 done, 1 failed, 2 wrong usage or config, 3 a gate failed, 4 a plan."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    try:
        app(given, prog_name="tidemark")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except KeyboardInterrupt as stopped:
        return show_error(stopped, debug=debug)
    except Exception as error:
        return show_error(error, debug=debug)
    return 0


if __name__ == "__main__":
    sys.exit(main())
