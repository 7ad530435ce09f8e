"""Everything that the catalog tells, gathered once: each source is asked one time for all tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tidemark.aws.folder import open_folder
from tidemark.catalog.checks import AgeSeen, CheckSeen, ages, newest_checks
from tidemark.compile.lineage import Lineage
from tidemark.control import release as releases
from tidemark.control.runs import RunStore, RunSummary, TableResult
from tidemark.errorlane.rejects import Filters, Status, entries
from tidemark.lint.privacy import admission
from tidemark.observe.sla import Judged, judge, promises
from tidemark.revisions.history import Text, Version, from_git, versions, with_today
from tidemark.serving.lake import ReleasedLake
from tidemark.serving.profile import Profile, profiles

if TYPE_CHECKING:
    from tidemark.config.project import Project, Table
    from tidemark.control.release import Release
    from tidemark.control.state import StateStore
    from tidemark.lint.privacy.personal import Sight

RUNS, LOADS_AMONG = 60, 500
"""So many runs are told of, and of so many the newest loads: after them there can be more plans than that."""


@dataclass(frozen=True)
class RunOfTable:
    """What one run did to one table."""

    run: RunSummary
    result: TableResult

    @property
    def loads(self) -> bool:
        """Whether the run was to take in what is new."""
        return self.run.loads

    @property
    def failed(self) -> bool:
        return self.result.in_trouble


@dataclass(frozen=True)
class TableFacts:
    """What is known of a table. `runs` are newest first, `rejected` counts rows of the error lane by rule and status,
    `personal` are columns in which personal data is seen."""

    table: Table
    profile: Profile | None = None
    runs: tuple[RunOfTable, ...] = ()
    checks: tuple[CheckSeen, ...] = ()
    ages: tuple[AgeSeen, ...] = ()
    promises: tuple[Judged, ...] = ()
    rejected: Mapping[str, Mapping[Status, int]] = field(default_factory=dict)
    rejected_rows: Mapping[Status, int] = field(default_factory=dict)
    versions: tuple[Version, ...] = ()
    personal: frozenset[str] = frozenset()
    readers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def last(self) -> RunOfTable | None:
        """The newest load."""
        return next((each for each in self.runs if each.loads), None)


@dataclass(frozen=True)
class Facts:
    """What is known of all tables, at one instant (UTC)."""

    project: Project
    built_at: datetime
    release: Release | None
    tables: Mapping[str, TableFacts]
    runs: tuple[RunSummary, ...]
    lineage: Lineage
    texts: Mapping[str, list[Text]]
    in_git: bool
    jobs: tuple[Judged, ...] = ()
    left_over: Mapping[str, int] = field(default_factory=dict)
    """Rejected rows that are open of tables which are not in the configuration any more."""


def gather(project: Project, state: StateStore, recorded: Mapping[str, list[Text]]) -> Facts:
    """All of it. `recorded`: the texts that contracts had as an older catalog knows them; asked where git is not."""
    now = datetime.now(UTC).replace(tzinfo=None)
    sight = admission.sight(project.tables)
    release = releases.latest(state)
    folder = open_folder(project.environment.roots.runs, project.environment.aws)
    runs = newest_runs(RunStore(folder))
    by_table = _by_table(runs)
    in_git = from_git(project.config_dir, {name: table.contract for name, table in project.tables.items()})
    texts = with_today(project, recorded if in_git is None else in_git, now)
    judged = judge(project, state, promises(project), now)
    rejected, rows = _rejected(project)
    seen = _profiles(project, release, sight)
    checks, aged = newest_checks(project, by_table), ages(project, by_table)
    readers: dict[str, list[str]] = defaultdict(list)
    for name, table in project.tables.items():
        for each in table.inputs:
            readers[each].append(name)
    tables = {
        name: TableFacts(
            table,
            profile=seen.get(name),
            runs=tuple(RunOfTable(run, result) for run, result in by_table.get(name, ())),
            checks=checks.get(name, ()),
            ages=aged.get(name, ()),
            promises=tuple(each for each in judged if each.promise.table == name),
            rejected=rejected.get(name, {}),
            rejected_rows=rows.get(name, {}),
            versions=versions(name, table.contract, texts[name]),
            personal=_personal(sight, table),
            readers=tuple(readers[name]),
        )
        for name, table in project.tables.items()
    }
    jobs = tuple(each for each in judged if each.promise.table is None)
    left = {name: count for name, by_status in rows.items() if name not in tables and (count := by_status["open"])}
    return Facts(project, now, release, tables, runs, Lineage(project.tables), texts, in_git is not None, jobs, left)


def newest_runs(store: RunStore) -> tuple[RunSummary, ...]:
    """The newest runs and the newest loads, newest first."""
    found = {run.run_id: run for run in (*store.latest(RUNS), *store.loads(LOADS_AMONG)[:RUNS])}
    return tuple(sorted(found.values(), key=lambda run: run.started_at, reverse=True))


def _by_table(runs: Iterable[RunSummary]) -> dict[str, list[tuple[RunSummary, TableResult]]]:
    found: dict[str, list[tuple[RunSummary, TableResult]]] = defaultdict(list)
    for run in runs:
        for result in run.tables:
            found[result.table].append((run, result))
    return found


def _profiles(project: Project, release: Release | None, sight: Sight) -> dict[str, Profile]:
    if release is None:
        return {}
    lake = ReleasedLake(project, release)
    personal = {name: _personal(sight, project.table(name)) for name in lake.names}
    open_columns = {
        name: [column for column in project.table(name).contract.column_names if column not in personal[name]]
        for name in lake.names
    }
    return profiles(lake, lake.names, open_columns.__getitem__)


def _personal(sight: Sight, table: Table) -> frozenset[str]:
    """The columns that are personal by the table's own contract, or by those that they come from; masked ones too."""
    given = sight.given(table.name)
    return frozenset(column.name for column in table.contract.columns if column.is_personal or given.seen(column.name))


def _rejected(project: Project) -> tuple[dict[str, dict[str, Counter[Status]]], dict[str, Counter[Status]]]:
    """By table and what became of them: how many rows in its error lane broke each rule, and how many there are."""
    lanes = open_folder(project.environment.roots.errors, project.environment.aws)
    by_rule: dict[str, dict[str, Counter[Status]]] = defaultdict(lambda: defaultdict(Counter))
    rows: dict[str, Counter[Status]] = defaultdict(Counter)
    for entry in entries(lanes, Filters()):
        rows[entry.row.table][entry.status] += 1
        for code in {reason.code for reason in entry.row.reasons}:
            by_rule[entry.row.table][code][entry.status] += 1
    return by_rule, rows
