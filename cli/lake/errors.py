"""`tidemark errors`: the error lane, for people who ask why a row was rejected, and who have mended it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.console.options import (
    CONFIG,
    LOCAL,
    ConfigOption,
    DateOption,
    DebugOption,
    EnvOption,
    JsonOption,
    lake_of,
    run_date,
)
from cli.console.output import columns, confirm, show, show_json
from tidemark.errors import ConfigError, choose

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder
    from tidemark.config.environment import Environment
    from tidemark.errorlane.rejects import Entry, RejectedRow

errors = typer.Typer(help="The error lane: what was rejected, and why.", no_args_is_help=True)

_LONGEST_VALUE = 60

TableOption = Annotated[str | None, typer.Option("--table", help="Only of this table.")]
RunOption = Annotated[str | None, typer.Option("--run", help="Only of this run (the start of its id will do).")]
RuleOption = Annotated[str | None, typer.Option("--rule", help="Only rows that broke it: enum, or status.enum.")]
UnmaskOption = Annotated[
    bool,
    typer.Option("--unmask", help="Show personal values as they are; that you saw them is noted in the error lane."),
]
StatusOption = Annotated[
    Literal["open", "replayed", "discarded", "all"], typer.Option("--status", help="What became of the rows.")
]


@errors.command("list")
def list_errors(
    table: TableOption = None,
    run: RunOption = None,
    rule: RuleOption = None,
    status: StatusOption = "open",
    limit: Annotated[int, typer.Option("--limit", min=0, help="Show at most so many rows; 0 for all.")] = 20,
    unmask: UnmaskOption = False,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Rejected rows with their reasons, and how many rows broke which rule."""
    shown: list[Entry] = []
    by_rule: Counter[str] = Counter()
    environment = lake_of(env, config)
    lanes = _lanes(environment)
    for entry in _entries(lanes, table, run, rule, status):
        by_rule.update(reason.code for reason in entry.row.reasons)
        if len(shown) < limit or limit == 0:
            shown.append(entry)
    if not by_rule:
        _refuse_unknown(environment, config, lanes, table, run, rule)
    shown = _as_asked(lanes, config, shown, unmask=unmask)
    if as_json:
        show_json({"rows": [entry.to_json() for entry in shown], "by_rule": dict(by_rule.most_common())})
    else:
        show_rejected([entry.row for entry in shown], by_rule)


@errors.command("show")
def show_error(
    error: Annotated[str, typer.Argument(help="Id of the error; its start will do.")],
    unmask: UnmaskOption = False,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    debug: DebugOption = False,
) -> None:
    """One rejected row with everything that is wrong with it; personal values are hidden unless they are asked for."""
    lanes = _lanes(lake_of(env, config))
    every = _entries(lanes, table=None, run=None, rule=None, status="all")
    found = [entry for entry in every if entry.row.error_id.startswith(error)]
    if len({entry.row.error_id for entry in found}) != 1:
        what = "no error" if not found else f"{len(found)} errors"
        raise ConfigError(f"{what} with an id that begins with {error}", next_step="tidemark errors list --json")
    show_json(_as_asked(lanes, config, found[:1], unmask=unmask)[0].to_json())


@errors.command("replay")
def replay_errors(
    table: TableOption = None,
    run: RunOption = None,
    rule: RuleOption = None,
    date: DateOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Brings open errors into bronze, as far as they keep today's contracts; silver and gold follow with a run."""
    from cli.console.launch import launch

    parameters = {"select": [table] if table else [], "run": run, "rule": rule, "date": run_date(date)}
    launch("replay", parameters, env=env, config=config, as_json=as_json, debug=debug)


@errors.command("discard")
def discard_errors(
    table: TableOption = None,
    run: RunOption = None,
    rule: RuleOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    debug: DebugOption = False,
) -> None:
    """Closes open errors that nobody wants; the rows stay in the lane, and are not replayed."""
    import getpass

    from tidemark.errorlane.rejects import discard

    if not (table or run or rule):
        raise ConfigError("say which errors to discard", next_step="give --table, --run or --rule")
    chosen: dict[str, list[str]] = defaultdict(list)
    environment = lake_of(env, config)
    lanes = _lanes(environment)
    for entry in _entries(lanes, table, run, rule, "open"):
        chosen[entry.row.table].append(entry.row.error_id)
    count = sum(map(len, chosen.values()))
    if not count:
        _refuse_unknown(environment, config, lanes, table, run, rule)
    if count and not yes:
        confirm(f"discard {count} errors of {', '.join(sorted(chosen))}?")
    discard(lanes, chosen, getpass.getuser())
    show(f"{count} errors discarded")


def _lanes(environment: Environment) -> Folder:
    from tidemark.aws.folder import open_folder

    return open_folder(environment.roots.errors, environment.aws)


def _refuse_unknown(
    environment: Environment, config: str, lanes: Folder, table: str | None, run: str | None, rule: str | None
) -> None:
    """Raises `ConfigError` where nothing was found because of a name that there is not.

    Tables, rules and runs that only the lane knows of are known, too.
    """
    if not (table or run or rule):
        return
    from tidemark.aws.folder import open_folder
    from tidemark.config.contract.model import RULES
    from tidemark.config.files.source import local_folder
    from tidemark.config.project import read_tables
    from tidemark.control.runs import RunStore

    tables = read_tables(local_folder(config)).tables
    rejected = [entry.row for entry in _entries(lanes, None, None, None, "all")]
    known = {*tables, *(row.table for row in rejected)}
    if table is not None and table not in known:
        raise ConfigError(f"there is no table `{table}`", next_step=choose(table, known))
    codes = {code for row in rejected for reason in row.reasons for code in (reason.rule, reason.code)}
    columns = {column.name for each in tables.values() for column in each.contract.columns}
    codes |= {*RULES, *(f"{column}.{name}" for column in columns for name in RULES)}
    if rule is not None and rule not in codes:
        raise ConfigError(f"there is no rule `{rule}`", next_step=choose(rule, codes))
    if run is not None and not any(row.run_id.startswith(run) for row in rejected):
        RunStore(open_folder(environment.roots.runs, environment.aws)).load(run)


def _entries(lanes: Folder, table: str | None, run: str | None, rule: str | None, status: str) -> Iterator[Entry]:
    from tidemark.errorlane.rejects import Filters, entries

    return (entry for entry in entries(lanes, Filters(table, run, rule)) if status in ("all", entry.status))


def _as_asked(lanes: Folder, config: str, found: list[Entry], *, unmask: bool) -> list[Entry]:
    """The entries without personal values; with them, and a note of that, where somebody asks for it."""
    import getpass
    from dataclasses import replace

    from tidemark.config.files.source import local_folder
    from tidemark.config.project import read_tables
    from tidemark.errorlane.showing import Shown, note_access

    if not found:
        return found
    if unmask:
        note_access(lanes, getpass.getuser(), [entry.row for entry in found])
        return found
    shown = Shown(read_tables(local_folder(config)).tables)
    return [replace(entry, row=shown.hidden(entry.row)) for entry in found]


def show_rejected(rows: list[RejectedRow], by_rule: Counter[str]) -> None:
    """Prints rejected rows, a line a reason, and how many rows broke which rule."""
    from tidemark.observe.run_report import count

    if not rows:
        show("no rejected rows")
        return
    table = columns("error", "table", "day", "run", "rule", "value", "from", needless=("day", "run"))
    for row in rows:
        for reason in row.reasons:
            value = (reason.value or "")[:_LONGEST_VALUE]
            table.add_row(row.error_id[:8], row.table, row.day, row.run_id[:8], reason.code, value, row.origin)
    show(table)
    named = ", ".join(f"{count(number)} {code}" for code, number in by_rule.most_common())
    noun = "row" if len(rows) == 1 else "rows"
    show("")
    show(f"{len(rows)} {noun} shown; by rule, of all that match: {named}")
