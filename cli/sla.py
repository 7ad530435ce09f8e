"""`tidemark sla`: what is promised of jobs and tables, and whether it is kept; without Prefect and Spark."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cli.console.options import CONFIG, LOCAL, ConfigOption, DebugOption, EnvOption, JsonOption, refuse_nowhere
from cli.console.output import columns, show, show_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tidemark.observe.sla import Judged

_WORDS = {True: "kept", False: "broken", None: "not known yet"}


def sla(
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """The promises of jobs and tables as runs have kept them; nobody is told. Exits with 3 when one is broken."""
    from tidemark.config.project import load_project
    from tidemark.control.state import open_state
    from tidemark.observe.sla import judge, promises

    project = load_project(config, env)
    now = datetime.now(UTC).replace(tzinfo=None)
    refuse_nowhere(project.environment)
    judged = judge(project, open_state(project.environment), promises(project), now)
    if as_json:
        show_json(
            [
                {
                    "of": each.promise.subject,
                    "what": each.promise.kind,
                    "kept": each.kept,
                    "seen": each.seen,
                    "limit": each.promise.limit,
                }
                for each in judged
            ]
        )
    else:
        show_judged(judged)
    refuse_broken(judged)


def show_judged(judged: Sequence[Judged]) -> None:
    """Prints promises with what was seen, those that are broken first; where none is, how many are known to be kept."""
    from tidemark.observe.sla import counted

    table = columns("of", "what", "", "seen")
    for each in sorted(judged, key=lambda one: one.kept is not False):
        told = each.told if each.kept is not None else ""
        table.add_row(each.promise.subject, each.promise.kind, _WORDS[each.kept], told)
    show(table)
    if not any(each.kept is False for each in judged):
        show(counted(judged))


def refuse_broken(judged: Sequence[Judged]) -> None:
    """Raises `GateError` where a promise is broken."""
    from tidemark.errors import GateError

    broken = [each for each in judged if each.kept is False]
    if broken:
        raise GateError(
            f"{len(broken)} of {len(judged)} promises are broken",
            seen=[f"{each.promise.subject}: {each.told}" for each in broken],
            next_step=broken[0].next_step,
        )
