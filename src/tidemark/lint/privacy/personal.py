"""Personal data on its way to gold: followed through every query, it must end behind a mask or a written exception."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property

from sqlglot import exp

from tidemark.config.contract import Column
from tidemark.config.contract.privacy import EXCEPTION, MASK
from tidemark.config.project import Table
from tidemark.errors import Finding
from tidemark.lint.privacy.seeing.marks import COMPUTED, KEY, MADE, MIXED, NOTHING, NULLS, Seen, personal, union
from tidemark.lint.privacy.seeing.scope import Given
from tidemark.lint.privacy.seeing.seen import Eye
from tidemark.lint.privacy.tidied import FORMS, Copies
from tidemark.sql.queries import SqlError, parse, tables_read
from tidemark.sql.tracing.derivation import Origin
from tidemark.sql.types import METADATA_COLUMNS, SOURCE_ORDER

_ROW_HASH = "_row_hash"  # taken of all values as they are stored, without a key: who has these computes the same
_EXAMPLE = "{reason: …, approvedBy: …, until: 2027-06-30}"


@dataclass
class Sight:
    """What of personal columns can be seen in each column of the tables; asked table by table.

    A column is personal when its contract marks it so, or when values of a personal column can be seen in it. What
    cannot be followed (a `transform`, a query that does not parse) may show all that its inputs have. A mask ends it in
    gold. An exception below gold says that a column holds nothing personal any more; in gold it lets one column be
    shown, and not what is computed from it.
    """

    tables: Mapping[str, Table]
    today: date = field(default_factory=lambda: datetime.now(UTC).date())
    _read: dict[str, Given] = field(default_factory=dict)
    _made: dict[str, Given] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._copies = Copies(self.tables)

    def given(self, name: str) -> Given:
        """The columns of a table as its readers have them."""
        return self._as_read(name).plain

    def made(self, table: Table) -> Given:
        """The columns that the query of a table gives, or its transform, of which nothing is known."""
        return self._as_made(table).plain

    def _as_read(self, name: str) -> Given:
        """The same as `given`, with what queries have to know of keys and nulls."""
        if name not in self._read:
            self._read[name] = Given()  # tables that read each other in a circle are reported on their own
            try:
                self._read[name] = self._looked_into(self.tables[name])
            except BaseException:
                del self._read[name]  # who asks again is not told that there is nothing
                raise
        return self._read[name]

    def _looked_into(self, table: Table) -> Given:
        shown = {each.name: self._shown(table, each) for each in table.contract.columns}
        more = self._evolved(table)
        everything = union((*shown.values(), more.all))
        keys = {*table.contract.keys, *self._referring(table), *self._keys_of_people}
        columns = [(each, seen | self._marks(table, each, keys, seen)) for each, seen in shown.items()]
        added = dict.fromkeys(METADATA_COLUMNS, NOTHING) | {_ROW_HASH: everything}
        if table.inputs:
            added[SOURCE_ORDER] = self._handed_on(table) | (KEY if everything else NOTHING)
        return Given(
            (*columns, *added.items(), *more.columns),
            more.rest,
            times=personal(self._as_made(table).times) if table.inputs else NOTHING,
        )

    def _evolved(self, table: Table) -> Given:
        """The columns that a query gives beside the contract, as far as they come into the table."""
        if not table.inputs or table.layer == "gold":  # where none comes that is personal
            return Given()
        made, known = self.made(table), {*table.contract.column_names, *table.load.write.helpers, SOURCE_ORDER}
        columns = [each for each in made.columns if each[0] and each[0] not in known]
        may_evolve = "evolve" in (*table.load.drift.values(), table.load.on_unknown(""))
        stored = tuple(each for each in columns if table.load.on_unknown(each[0]) == "evolve")
        return Given(stored, made.rest if made.rest and may_evolve else None)

    def _handed_on(self, table: Table) -> Seen:
        """What is seen in the order at the source, which a query may give, also by a name that nobody can tell."""
        made = self.made(table)
        return made.known(SOURCE_ORDER) or made.rest or NOTHING

    def _as_made(self, table: Table) -> Given:
        if table.name not in self._made:
            self._made[table.name] = self._looked_through(table)
        return self._made[table.name]

    def _looked_through(self, table: Table) -> Given:
        try:
            query = parse(table.sql) if table.sql is not None else None
        except SqlError:
            query = None
        named = table.inputs if query is None else (*table.inputs, *tables_read(query))
        inputs = {name: self._as_read(name) for name in named if name in self.tables}
        try:
            if query is not None:
                return Eye(inputs).given(query)
        except RecursionError:
            pass  # as with one that does not parse, nobody can tell
        return Given(rest=union(each.all for each in inputs.values()) | NULLS)

    @cached_property
    def _keys_of_people(self) -> frozenset[str]:
        """The keys of tables with personal data, if of one column: elsewhere columns of the same name hold them."""
        return frozenset(
            key
            for table in self.tables.values()
            if table.layer != "gold" and len(table.contract.keys) == 1
            if self._personal_names(table, ()) & set(table.contract.column_names)
            for key in table.contract.keys
        )

    def _personal_names(self, table: Table, readers: tuple[str, ...]) -> frozenset[str]:
        """What columns are called that contracts mark as personal, of a table and of all that it is made of."""
        own = frozenset(each.name for each in table.contract.columns if each.is_personal)
        inputs = [self.tables[name] for name in table.inputs if name in self.tables and name not in readers]
        return own.union(*(self._personal_names(each, (*readers, table.name)) for each in inputs))

    def _referring(self, table: Table) -> Iterator[str]:
        """The columns of a table that hold the key of another one with personal data."""
        for reference in table.contract.references:
            for column, to in zip(reference.columns, reference.to, strict=True):
                if reference.table in self.tables and (self._as_read(reference.table).known(to) or NOTHING) >= KEY:
                    yield column

    def _marks(self, table: Table, name: str, keys: Collection[str], seen: Seen) -> Seen:
        """What a column names, and how its values and nulls were made; those that a contract marks are its own."""
        is_own = not table.inputs or table.contract.column(name).is_personal
        kept = NULLS | MADE | MIXED | COMPUTED if seen else NULLS
        made = NOTHING if is_own else self._as_made(table).seen(name) & kept
        names_people = self._as_made(table).seen(name) & KEY if table.inputs else NOTHING
        return made | (KEY if name in keys else names_people)

    def _shown(self, table: Table, column: Column) -> Seen:
        """What is seen in a column once it is stored."""
        if table.layer == "gold" and self._hides(table, column):
            return NOTHING
        if table.layer != "gold" and column.exception is not None and column.exception.holds(self.today):
            return NOTHING
        return self.behind(table, column)

    def behind(self, table: Table, column: Column) -> Seen:
        """What is seen in a column before any mask."""
        if column.is_personal:
            return frozenset({(table.name, column.name)})
        write = table.load.write
        if not table.inputs:
            return NOTHING
        if write.mode == "scd2" and column.name in write.made:
            return self._filled(table, column.name)
        return self.made(table).seen(column.name)

    def _hides(self, table: Table, column: Column) -> bool:
        """Whether a column of gold has a mask that leaves of its values what it says.

        One that leaves a part of a form does so of a copy, in which no more is seen than in what it is a copy of.
        """
        if column.mask not in FORMS or table.sql is None:
            return column.mask is not None
        seen = self.made(table).seen(column.name)
        origins = self._copies.origins(table, column.name, column.mask or "") if seen else None
        return not seen or (
            origins is not None and seen <= union(self.given(owner).seen(name) for owner, name in origins)
        )

    def _filled(self, table: Table, name: str) -> Seen:
        """What is seen in a column of a history that the engine fills.

        A row begins, and so ends, when a version does, or when it was received of which a flag says that it deletes.
        A surrogate key is of the key and the start; nothing is seen in one that is made with the masking key.
        """
        write, contract = table.load.write, table.contract
        ends = (write.deletes.flag, write.deletes.at) if write.deletes else ()
        times = union(self.made(table).seen(each) for each in (write.effective_from, *ends) if each)
        if name != write.surrogate_key:
            return times
        is_keyed = any(contract.column(key).is_personal for key in write.keys if key in contract.column_names)
        if table.layer == "gold" and is_keyed:
            return NOTHING
        return times | union(self._of_key(table, key) for key in write.keys)

    def _of_key(self, table: Table, key: str) -> Seen:
        is_stored = key in table.contract.column_names
        return self.behind(table, table.contract.column(key)) if is_stored else self.made(table).seen(key)

    def exceptions(self, table: Table) -> Iterator[Column]:
        """The columns that show something personal by an exception that holds."""
        for column in table.contract.columns:
            if column.exception is not None and column.mask is None and column.exception.holds(self.today):
                yield column

    def findings(self, table: Table) -> Iterator[Finding]:
        """A finding for each column of a gold table that shows personal data without a mask or an exception."""
        if table.layer != "gold":
            return
        for column in table.contract.columns:
            lets = column.exception is not None and column.exception.holds(self.today)
            if lets or self._hides(table, column):
                continue
            if column.mask is not None:
                yield self._computed(table, column)
            elif seen := self.behind(table, column):
                yield self._finding(table, column, seen)
        yield from self._beside(table)

    def _finding(self, table: Table, column: Column, seen: Seen) -> Finding:
        origin = self._named(table, column, seen)
        owner, name = origin
        classified = self.tables[owner].contract.column(name)
        came = "" if owner == table.name else f": it comes from {owner}.{name}"
        if came and not self._is_told(table, column):
            came = f": nobody can tell that it does not come from {owner}.{name}"
        kind = classified.classification or "personal"
        message = f"{table.name}.{column.name} shows {kind} data unmasked{came}"
        if column.exception is not None:
            message += f" (its {EXCEPTION} ended on {column.exception.until})"
        mask = classified.mask or "redact"
        fix = (
            f"add `customProperties: [{{property: {MASK}, value: {mask}}}]`, or a reviewed exception: "
            f"`{{property: {EXCEPTION}, value: {_EXAMPLE}}}`"
        )
        return Finding(table.contract.path, column.line, message, fix)

    def _computed(self, table: Table, column: Column) -> Finding:
        """A mask of a form on what is computed: an address in hex has the form of another one."""
        owner, name = self._named(table, column, self.made(table).seen(column.name))
        message = (
            f"{table.name}.{column.name} has the mask `{column.mask}`, which hides copies alone, and is computed: "
            f"personal data of {owner}.{name} shows through it"
        )
        fix = (
            f"write `value: hmac` or `value: redact`, or hand on the column as it was received in all of its tables "
            f"(lower, upper, trim and coalesce with a literal change nothing), or add a reviewed exception: "
            f"`{{property: {EXCEPTION}, value: {_EXAMPLE}}}`"
        )
        return Finding(table.contract.path, column.line, message, fix)

    def _named(self, table: Table, column: Column, seen: Seen) -> Origin:
        """The origin to tell of: one of the same name, where there is one."""
        return min(seen, key=lambda origin: (origin[1] != column.name, origin))

    def _is_told(self, table: Table, column: Column) -> bool:
        return table.sql is not None and self.made(table).known(column.name) is not None

    def _beside(self, table: Table) -> Iterator[Finding]:
        """Columns that the query gives beside the contract, which no mask could cover."""
        known = {*table.contract.column_names, *table.load.write.helpers, *table.load.write.made}
        made, path = self.made(table) if table.inputs else Given(), table.sql_path or table.contract.path
        for name, seen in made.columns:
            if name not in known and seen:
                owner, origin = min(seen)
                what = f"`{name}`" if name else "a column without a name"
                message = f"the query gives {what}, which shows personal data of {owner}.{origin} and is in no contract"
                yield Finding(path, 1, message, f"leave it out, or add it to {table.contract.path.name} with a mask")
        if made.rest and table.sql is not None and not _names_all(table.sql):
            owner, origin = min(made.rest)
            message = f"the query gives columns whose names nobody can tell, and {owner}.{origin} may be seen in them"
            yield Finding(path, 1, message, "give each column a name with AS, and no star of what generators make")

    def in_folders(self, table: Table) -> tuple[str, ...]:
        """The columns whose values stand in the names of a table's folders, and are personal as they are stored."""
        if table.layer == "gold":  # what it shows, it may show there too
            return ()
        by = [name for name in table.load.partition_by if name in table.contract.column_names]
        return tuple(name for name in by if self._shown(table, table.contract.column(name)))

    def tells(self, sql: str) -> bool:
        """Whether personal data may be seen in what a query over the tables gives."""
        try:
            query = parse(sql)
            read = {name: self._as_read(name) for name in tables_read(query) if name in self.tables}
            return bool(Eye(read).given(query).plain.all)
        except (SqlError, RecursionError):
            return True


def _names_all(sql: str) -> bool:
    """Whether a query says what each of its columns is called, or is refused for not being one."""
    try:
        node: exp.Expr = parse(sql)
    except SqlError:
        return True
    while isinstance(node, exp.SetOperation | exp.Subquery | exp.Paren):
        node = node.this
    changed = node.args.get("kind") or node.args.get("operation_modifiers")
    return isinstance(node, exp.Select) and not changed and all(map(_is_named, node.expressions))


def _is_named(node: exp.Expr) -> bool:
    is_column = isinstance(node, exp.Column) and not isinstance(node.this, exp.Star)
    return is_column or isinstance(node, exp.Alias | exp.Aliases)


def personal_inputs(sight: Sight, table: Table) -> dict[str, tuple[str, ...]]:
    """The columns of a table's inputs in which personal data is seen as it is, input by input."""
    found = {
        name: tuple(each for each, seen in sight.given(name).columns if seen)
        for name in table.inputs
        if name in sight.tables and sight.tables[name].layer != "gold"
    }
    return {name: columns for name, columns in found.items() if columns}
