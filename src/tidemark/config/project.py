"""A configuration folder as a whole: its environment, its tables, and the graph between them."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from types import MappingProxyType

from tidemark.config import contract as contracts
from tidemark.config import gates
from tidemark.config import load as loads
from tidemark.config.contract import LAYERS, Contract
from tidemark.config.contract.model import KEYED_MASKS
from tidemark.config.environment import Environment, load_environment
from tidemark.config.files.source import local_folder
from tidemark.config.files.yamltext import Document, read_text
from tidemark.config.load import Load
from tidemark.errors import ConfigError, Finding, choose
from tidemark.sql.types import SOURCE_ORDER, TIMES

SQL_SUFFIX = ".sql"


@dataclass(frozen=True)
class Table:
    """One table: what it is (`contract`), how it is filled (`load`), and its query where it has one.

    The query of a table that has no file for it (`sql_path`) is made of its contract. `masking_key`: the id of the key
    that its masks are made with. `transforms`: the packages that Python may come from.
    """

    name: str
    contract: Contract
    load: Load
    sql: str | None = None
    sql_path: Path | None = None
    masking_key: str | None = None
    transforms: tuple[str, ...] = ()

    @property
    def needs_key(self) -> bool:
        """Whether what is stored of it is made with the masking key: by a mask, or in a surrogate key."""
        if self.layer != "gold":
            return False
        personal_keys = {column.name for column in self.contract.columns if column.is_personal} & set(
            self.load.write.keys
        )
        has_surrogate = self.load.write.mode == "scd2" and self.load.write.surrogate_key is not None
        return any(column.mask in KEYED_MASKS for column in self.contract.columns) or (
            has_surrogate and bool(personal_keys)
        )

    @property
    def layer(self) -> str:
        return self.name.partition(".")[0]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The tables this one is computed from."""
        return tuple(self.load.inputs)

    @property
    def checked_against(self) -> frozenset[str]:
        """The other tables that its checks name."""
        return frozenset(name for check in self.contract.checks for name in check.tables) - {self.name}

    @property
    def change_time(self) -> str | None:
        """The watermark column where it holds times; None for a table without one, or one that is read by numbers."""
        watermark = self.load.watermark
        types = {column.name: column.type for column in self.contract.columns}
        return watermark.column if watermark and types.get(watermark.column) in TIMES else None

    @property
    def tags(self) -> frozenset[str]:
        return frozenset(self.load.tags) | frozenset(self.contract.tags)


@dataclass(frozen=True)
class Project:
    """All tables of a configuration folder, in one environment."""

    config_dir: Path
    environment: Environment
    tables: Mapping[str, Table]

    def table(self, name: str) -> Table:
        """The table of this name; raises `ConfigError` with a close match when there is none."""
        if name not in self.tables:
            raise ConfigError(f"table `{name}` does not exist", next_step=choose(name, self.tables))
        return self.tables[name]

    @cached_property
    def gates(self) -> Mapping[str, tuple[str, ...]]:
        """The tables that a table's gate waits for, as its checks read them."""
        return _gates(self.tables)

    def order(self, names: Iterable[str] | None = None) -> tuple[str, ...]:
        """The given tables (all when None) so that every table comes after its inputs; equal for equal config."""
        ordered = topological(_inputs(self.tables))
        if names is None:
            return ordered
        wanted = {self.table(name).name for name in names}
        return tuple(name for name in ordered if name in wanted)

    def upstream(self, name: str) -> frozenset[str]:
        """The table and everything it is computed from, directly or not."""
        return gates.reached(self.table(name).name, _inputs(self.tables))

    def downstream(self, name: str) -> frozenset[str]:
        """The table and everything that is computed from it, directly or not."""
        return gates.reached(self.table(name).name, gates.readers_of(_inputs(self.tables)))

    def select(self, expressions: Sequence[str]) -> tuple[str, ...]:
        """The tables that the expressions name, in order of computation; all tables when there is no expression.

        An expression is a table (`gold.dim_customer`), a pattern (`gold.*`) or a tag (`tag:crm`). A `+` before it
        adds everything upstream, one behind it everything downstream. Raises `ConfigError` when one names nothing.
        """
        if not expressions:
            return self.order()
        chosen: set[str] = set()
        for expression in expressions:
            core = expression.strip().removeprefix("+").removesuffix("+")
            for name in self._matching(core):
                chosen.add(name)
                if expression.strip().startswith("+"):
                    chosen |= self.upstream(name)
                if expression.strip().endswith("+"):
                    chosen |= self.downstream(name)
        return self.order(chosen)

    def _matching(self, core: str) -> list[str]:
        if core.startswith("tag:"):
            tag = core.removeprefix("tag:")
            found = [name for name, table in self.tables.items() if tag in table.tags]
            candidates = {f"tag:{each}" for table in self.tables.values() for each in table.tags}
        else:
            found = [name for name in self.tables if fnmatch.fnmatchcase(name, core)]
            candidates = set(self.tables)
        if not found:
            raise ConfigError(f"`{core}` selects no table", next_step=choose(core, candidates))
        return found


@dataclass(frozen=True)
class ReadTables:
    """What a folder holds: the tables that could be read, their load files with line numbers, the findings.

    `names` are all tables that there are files of, those too that could not be read.
    """

    tables: Mapping[str, Table]
    documents: Mapping[str, Document]
    names: tuple[str, ...]
    findings: tuple[Finding, ...]


def load_project(config_dir: str | Path, env: str) -> Project:
    """The project in a folder (or an `s3://` prefix, which is mirrored first) for one environment.

    Raises `ConfigError` with every finding that makes a table unusable; `tidemark validate` looks deeper than this.
    """
    folder = local_folder(config_dir)
    environment = load_environment(folder, env)
    read = read_tables(folder)
    findings = [finding for finding in read.findings if finding.severity == "error"]
    findings = findings or list(graph_findings(read))
    if findings:
        raise ConfigError(f"{folder} is not valid", findings=findings, next_step="tidemark validate")
    return Project(folder, environment, MappingProxyType(in_environment(read.tables, environment)))


def in_environment(tables: Mapping[str, Table], environment: Environment) -> dict[str, Table]:
    """The tables with what the environment says of all of them: the masking key, and the packages of transforms."""
    key = environment.masking.key if environment.masking else None
    return {
        name: replace(table, masking_key=key if table.needs_key else None, transforms=environment.transforms)
        for name, table in tables.items()
    }


def read_tables(config_dir: Path) -> ReadTables:
    """Every table of the folder, as far as its files can be read."""
    tables: dict[str, Table] = {}
    documents: dict[str, Document] = {}
    findings: list[Finding] = []
    names = table_names(config_dir)
    for name in names:
        try:
            table, document, found = _read_table(config_dir, name)
        except ConfigError as error:
            findings += error.findings
            continue
        findings += found
        if table is not None and document is not None:
            tables[name] = table
            documents[name] = document
    if not tables and not findings:
        fix = f"add <layer>/<table>{contracts.SUFFIX} and <layer>/<table>{loads.SUFFIX}"
        findings.append(Finding(config_dir, 1, "holds no tables", fix))
    return ReadTables(MappingProxyType(tables), MappingProxyType(documents), names, tuple(findings))


def table_names(config_dir: Path) -> tuple[str, ...]:
    """The tables that any file of the folder speaks of, layer by layer."""
    names: list[str] = []
    for layer in LAYERS:
        stems = {
            path.name.removesuffix(suffix)
            for suffix in (contracts.SUFFIX, loads.SUFFIX, SQL_SUFFIX)
            for path in (config_dir / layer).glob(f"*{suffix}")
        }
        names += [f"{layer}.{stem}" for stem in sorted(stems)]
    return tuple(names)


def versions_query(contract: Contract, load: Load) -> str | None:
    """The query of a history of one table that has none of its own: the versions that are there, column by column."""
    if load.write.mode != "scd2" or load.transform is not None or len(load.inputs) != 1:
        return None
    (source,) = load.inputs
    wanted = dict.fromkeys((*contract.column_names, *load.write.helpers))
    columns = [f"`{name}`" for name in (*wanted, SOURCE_ORDER) if name not in load.write.made]
    return f"SELECT {', '.join(columns)} FROM {source}"


def topological(inputs: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Tables after their inputs, by layer and name where that leaves a choice; raises `ConfigError` on a cycle."""
    graph = {name: sorted(set(read) & set(inputs)) for name, read in inputs.items()}
    if names := gates.circle(graph):
        told = f"tables read each other in a circle: {_read_in_a_circle(names)}"
        raise ConfigError(told, next_step="remove one of the inputs")
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    ordered: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=_by_layer)
        ordered += ready
        sorter.done(*ready)
    return tuple(ordered)


def graph_findings(read: ReadTables) -> Iterable[Finding]:
    """Inputs that do not exist, and circles."""
    for name, table in read.tables.items():
        for each in table.inputs:
            if each not in read.names:
                message = f"{name} reads {each}, which does not exist"
                yield read.documents[name].finding(("inputs", each), message, choose(each, read.names))
    try:
        topological(_inputs(read.tables))
    except ConfigError as error:
        first = error.summary.partition(": ")[2].partition(" ")[0]
        document = read.documents[first]
        yield document.finding(("inputs",), error.summary, error.next_step or "")
        return
    yield from _gate_findings(read.tables)


def _gates(tables: Mapping[str, Table]) -> Mapping[str, tuple[str, ...]]:
    read = {name: table.checked_against & tables.keys() for name, table in tables.items()}
    return gates.awaited(_inputs(tables), read)


def _inputs(tables: Mapping[str, Table]) -> Mapping[str, tuple[str, ...]]:
    return {name: table.inputs for name, table in tables.items()}


def _gate_findings(tables: Mapping[str, Table]) -> Iterable[Finding]:
    """A circle of checks, at the first of them: there is no order in which each sees what the others will be."""
    waits = _gates(tables)
    names = gates.circle({name: {*table.inputs, *waits.get(name, ())} for name, table in tables.items()})
    for name in sorted(names):
        if among := set(waits.get(name, ())) & set(names) - set(tables[name].inputs):
            check = next(each for each in tables[name].contract.checks if among & set(each.tables))
            message = f"check `{check.name}` waits for {min(among)}, which waits for it: {_read_in_a_circle(names)}"
            fix = "move one of the checks of this circle to the contract of the table that is computed last"
            yield Finding(tables[name].contract.path, check.line, message, fix)
            return


def _read_in_a_circle(names: Sequence[str]) -> str:
    """`a → b → a`: who reads whom, beginning with the first by name, whatever order the tables came in."""
    start = names.index(min(names)) + 1
    readers = [*names[start:], *names[:start]][::-1]
    return " → ".join([*readers, readers[0]])


def _by_layer(name: str) -> tuple[int, str]:
    return LAYERS.index(name.partition(".")[0]), name


def _read_table(config_dir: Path, name: str) -> tuple[Table | None, Document | None, list[Finding]]:
    layer, _, stem = name.partition(".")
    contract_path = config_dir / layer / f"{stem}{contracts.SUFFIX}"
    load_path = config_dir / layer / f"{stem}{loads.SUFFIX}"
    sql_path = config_dir / layer / f"{stem}{SQL_SUFFIX}"
    missing = [path for path in (contract_path, load_path) if not path.is_file()]
    if missing:
        return None, None, [Finding(path, 1, f"{name} has no {path.name}", f"add {path.name}") for path in missing]
    contract, findings = contracts.read_contract(contract_path)
    load, document, found = loads.read_load(load_path)
    findings += found
    if contract is None or load is None:
        return None, None, findings
    sql = read_text(sql_path) if sql_path.is_file() else None
    table = Table(name, contract, load, sql or versions_query(contract, load), None if sql is None else sql_path)
    return table, document, findings + list(_shape_findings(table, document))


def _shape_findings(table: Table, document: Document) -> Iterable[Finding]:
    """Which files and sections a table of its layer must have, and which it must not."""
    load = table.load
    if table.layer == "bronze":
        if load.source is None:
            yield document.finding((), f"{table.name} has no source", "add `source: {connection: …, object: …}`")
        for key in _present(inputs=load.inputs, transform=load.transform):
            yield document.finding((key,), f"`{key}` has no meaning in bronze", "move it to a silver table")
        if table.sql_path is not None:
            yield Finding(table.sql_path, 1, "a bronze table has no query", "remove the file")
        return
    for key in _present(source=load.source, watermark=load.watermark):
        yield document.finding((key,), f"`{key}` belongs to bronze", "read a bronze table under `inputs:`")
    if table.sql is None and load.transform is None:
        fix = f"add {table.contract.name}{SQL_SUFFIX}, or `transform: module:function`"
        yield document.finding((), f"{table.name} has neither a query nor a transform", fix)
    if table.sql is not None and load.transform is not None:
        yield document.finding(("transform",), f"{table.name} has a query and a transform", "keep one of them")


def _present(**sections: object) -> list[str]:
    return [name for name, value in sections.items() if value]
