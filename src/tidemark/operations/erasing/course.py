"""How an erasure begins, and what it does between the steps that are those of any run.

It is noted before anything is changed, so that whoever goes on after a crash knows all that was known, and sources
cannot bring the person back meanwhile. Every step finds done what was done before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tidemark.config.project import topological
from tidemark.control import erasures
from tidemark.errorlane import replay
from tidemark.lint.privacy import subjects
from tidemark.operations.erasing import finding, person, sweeping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tidemark.engine import Engine
    from tidemark.operations.erasing.person import Person


@dataclass(frozen=True)
class Outline:
    """What an erasure would do: the rows that name the person, by table, and what becomes of them.

    `computed` are the tables that follow, `rejected` how many rejected rows hold the person.
    """

    rows: Mapping[str, int]
    treated: Mapping[str, str]
    computed: tuple[str, ...]
    rejected: int


def outline(engine: Engine, who: Person) -> Outline:
    """What an erasure of the person would do; nothing is changed."""
    who = replace(who, known=finding.known(engine, who))
    treated = {each.table: _words(each) for each in who.trail.treatments}
    computed = tuple(name for name in concerned(engine, who) if name not in treated)
    return Outline(finding.rows(engine, who), treated, computed, sweeping.count_errors(engine, who))


def begin(engine: Engine, who: Person) -> Person:
    """Writes down what there is to know of the person, and notes the erasure; from now on it can only go on."""
    person.refuse_untold(engine.project, who)
    counted, known = finding.rows(engine, who), finding.known(engine, who)
    name = person.keep(engine.environment, replace(who, known=known))
    receipt = erasures.begin(engine.state, replace(who.receipt, rows=counted, run_id=engine.run.run_id))
    return replace(person.kept(engine.project, name), receipt=receipt)


def concerned(engine: Engine, who: Person) -> tuple[str, ...]:
    """The tables that name the person, and all that are computed from them, inputs first."""
    tables = engine.project.tables
    ordered = topological({name: table.inputs for name, table in tables.items()})
    return subjects.holders(who.trail, tables, ordered)


def clear_away(engine: Engine, who: Person) -> None:
    """Takes the person out of what lies beside the tables."""
    tables = concerned(engine, who)
    for name in tables:
        replay.settle(engine, name)  # one that died has noted in staging which errors it closes
    sweeping.sweep_errors(engine, who)
    sweeping.sweep_staging(engine, tables)
    sweeping.sweep_exchange(engine, tables)


def _words(treatment: subjects.Treatment) -> str:
    erasure = treatment.erasure
    if erasure is None:
        return "its contract has to say"
    if erasure.action == "delete":
        return "deleted"
    columns, also = ", ".join(treatment.columns), ", ".join(treatment.cleared)
    what = f"{columns} cleared" if erasure.action == "clear" else f"{columns} replaced by {erasure.replace_by}"
    return f"{what}, {also} cleared" if also else what
