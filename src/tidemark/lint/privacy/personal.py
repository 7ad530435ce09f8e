"""Personal data on its way to gold: followed through every query, it must end behind a mask or a written exception."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from tidemark.config.contract import Column
from tidemark.config.contract.privacy import EXCEPTION, MASK
from tidemark.config.project import Table
from tidemark.errors import Finding
from tidemark.lint.privacy.scope import KEY, NOTHING, NULLS, Given, Seen, personal, union
from tidemark.lint.privacy.seen import Eye
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
        everything = union(shown.values())
        keys = {*table.contract.keys, *self._referring(table)}
        columns = [(each, seen | self._marks(table, each, keys)) for each, seen in shown.items()]
        added = dict.fromkeys(METADATA_COLUMNS, NOTHING) | {_ROW_HASH: everything}
        if table.inputs:
            added[SOURCE_ORDER] = (self.made(table).known(SOURCE_ORDER) or NOTHING) | (KEY if everything else NOTHING)
        return Given(
            (*columns, *added.items()), times=personal(self._as_made(table).times) if table.inputs else NOTHING
        )

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

    def _referring(self, table: Table) -> Iterator[str]:
        """The columns of a table that hold the key of another one with personal data."""
        for reference in table.contract.references:
            for column, to in zip(reference.columns, reference.to, strict=True):
                if reference.table in self.tables and (self._as_read(reference.table).known(to) or NOTHING) >= KEY:
                    yield column

    def _marks(self, table: Table, name: str, keys: Collection[str]) -> Seen:
        """What a column names, and whether its nulls were made; one that a contract marks has nulls of its own."""
        is_own = not table.inputs or table.contract.column(name).is_personal
        nulls = NOTHING if is_own else self._as_made(table).seen(name) & NULLS
        names_people = self._as_made(table).seen(name) & KEY if table.inputs else NOTHING
        return nulls | (KEY if name in keys else names_people)

    def _shown(self, table: Table, column: Column) -> Seen:
        """What is seen in a column once it is stored."""
        if table.layer == "gold" and column.mask is not None:
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
            if column.name == write.surrogate_key:
                return union(self._of_key(table, key) for key in write.keys)
            times = (write.validity.start, write.validity.end)
            return self.made(table).seen(write.effective_from or "") if column.name in times else NOTHING
        return self.made(table).seen(column.name)

    def _of_key(self, table: Table, key: str) -> Seen:
        """What is seen in a surrogate key of a key: nothing of one that is hashed with the masking key."""
        if key not in table.contract.column_names:
            return self.made(table).seen(key)
        column = table.contract.column(key)
        return NOTHING if table.layer == "gold" and column.is_personal else self.behind(table, column)

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
            seen = NOTHING if column.mask is not None or lets else self.behind(table, column)
            if seen:
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

    def _named(self, table: Table, column: Column, seen: Seen) -> Origin:
        """The origin to tell of: one of the same name, where there is one."""
        return min(seen, key=lambda origin: (origin[1] != column.name, origin))

    def _is_told(self, table: Table, column: Column) -> bool:
        return table.sql is not None and self.made(table).known(column.name) is not None

    def _beside(self, table: Table) -> Iterator[Finding]:
        """Columns that the query gives beside the contract, which no mask could cover."""
        known = {*table.contract.column_names, *table.load.write.helpers, *table.load.write.made}
        for name, seen in self.made(table).columns if table.inputs else ():
            if name not in known and seen:
                owner, origin = min(seen)
                what = f"`{name}`" if name else "a column without a name"
                message = f"the query gives {what}, which shows personal data of {owner}.{origin} and is in no contract"
                fix = f"leave it out, or add it to {table.contract.path.name} with a mask"
                yield Finding(table.sql_path or table.contract.path, 1, message, fix)


def personal_inputs(sight: Sight, table: Table) -> dict[str, tuple[str, ...]]:
    """The columns of a table's inputs in which personal data is seen as it is, input by input."""
    found = {
        name: tuple(each for each, seen in sight.given(name).columns if seen)
        for name in table.inputs
        if name in sight.tables and sight.tables[name].layer != "gold"
    }
    return {name: columns for name, columns in found.items() if columns}
