"""How the columns of a source meet a contract: by name, with what becomes of those that it does not know."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, NullType, StructField, StructType

from tidemark.errors import CommitError
from tidemark.rows import AS_GIVEN, CORRUPT, ORIGIN
from tidemark.sql.types import METADATA_COLUMNS, widens

if TYPE_CHECKING:
    from tidemark.config.contract import Contract
    from tidemark.config.load import CastSpec, DriftAction


OLD_NAMES = "old_names"
_DIGITS = 8  # of the hash in a column's name


@dataclass(frozen=True)
class Held:
    """The columns that a table has already, and those of them (`old_names`) that were named without a hash."""

    schema: StructType = dataclasses.field(default_factory=StructType)
    old_names: frozenset[str] = frozenset()

    def types(self) -> dict[str, str]:
        """The columns' types, by their names in lower case."""
        return {field.name.lower(): field.dataType.simpleString() for field in self.schema.fields}


@dataclass(frozen=True)
class Alignment:
    """How the columns of a source frame meet a contract.

    `sources` gives each contract column its source column (None: the source lacks it); `added` are columns that the
    contract does not know: the name in the table, the source column and its type; rows with a value in one of
    `refused` are rejected; `helpers` only order rows or mark deletes and are stored only where they once were.
    `deletes`: a flag, and the columns whose rules count alone in a row that has it set. `casts`: by contract column,
    what may be lost on the way into it. `partitions`: the columns by which the table lies in folders. `lacking` are
    columns of the table that neither the contract knows nor the frame has: they are null in every row. `stored_types`:
    what added columns are in the table, where that is larger than what they are in the frame. `flag`: the column that
    marks deletes, where its values need not be true or false. `reserved`: the values of the key that no row may have.
    """

    sources: Mapping[str, StructField | None]
    added: tuple[tuple[str, StructField], ...]
    helpers: tuple[StructField, ...] = ()
    refused: tuple[StructField, ...] = ()
    deletes: tuple[str, tuple[str, ...]] | None = None
    casts: Mapping[str, CastSpec] = dataclasses.field(default_factory=dict)
    partitions: tuple[str, ...] = ()
    lacking: tuple[StructField, ...] = ()
    stored_types: Mapping[str, str] = dataclasses.field(default_factory=dict)
    old_names: frozenset[str] = frozenset()
    flag: str | None = None
    reserved: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def stored_columns(self, known: Sequence[str]) -> tuple[str, ...]:
        """The columns of the table: first those it has, in its own order (`known`), then the contract's, then new ones.

        The row hash depends on the order, which must not depend on the batch, nor on where in the contract a column
        stands that was added later: what lies in the table already would look changed.
        """
        others = sorted(name for name, _ in self.added)
        there = {name.lower() for name in known}
        helpers = [each.name for each in self.helpers if each.name.lower() in there]
        lacking = [each.name for each in self.lacking]
        names = {name.lower(): name for name in (*self.sources, *others, *helpers, *lacking)}
        older = [names[name.lower()] for name in known if name.lower() in names]
        return (*older, *(name for name in names.values() if name not in older))


def align(
    frame: DataFrame,
    contract: Contract,
    fields: Mapping[str, str],
    on_unknown: Callable[[str], DriftAction],
    helpers: Collection[str] = (),
    casts: Mapping[str, CastSpec] | None = None,
    held: Held | None = None,
    partitions: tuple[str, ...] = (),
) -> Alignment:
    """Finds the source column of every contract column, by `fields` (target → source) or by name in any case.

    `on_unknown` says what becomes of a column that the contract does not know, as `Load.on_unknown` does; `held` is
    what the table has. Raises `CommitError` for a column that is frozen, and for names that differ by case alone: Spark
    cannot tell these apart.
    """
    held = held or Held()
    own = {ORIGIN, CORRUPT} | {name for name in frame.columns if name.startswith(AS_GIVEN)}
    _refuse_twins(frame, contract)
    by_name = {field.name.lower(): field for field in frame.schema.fields if field.name not in own}
    sources = {name: by_name.get(fields.get(name, name).lower()) for name in contract.column_names}
    used = {field.name for field in sources.values() if field is not None}
    helping = tuple(field for field in frame.schema.fields if field.name in helpers and field.name not in used)
    own |= {field.name for field in helping}
    unknown: dict[str, list[StructField]] = defaultdict(list)
    for given in frame.schema.fields:
        if given.name not in used | own:
            unknown[on_unknown(given.name)].append(given)
    if unknown["freeze"]:
        raise CommitError(
            f"the source has columns that the contract {contract.version} does not know, and its shape is frozen",
            table=contract.table,
            step="validate",
            seen=[f"{field.name} {field.dataType.simpleString()}" for field in unknown["freeze"]],
            next_step=f"add them to {contract.path}, or let the load file say what becomes of them (evolution, drift)",
        )
    # Nobody knows the type of a column that is null in every row: it comes into the table with its first value.
    evolving = [field for field in unknown["evolve"] if not isinstance(field.dataType, NullType)]
    added, types = _placed(_named(evolving, contract.column_names, held.old_names), held.types())
    others = (*(name for name, _ in added), *(field.name for field in helping))
    present = {name.lower() for name in (*contract.column_names, *others, *METADATA_COLUMNS)}
    lacking = tuple(field for field in held.schema.fields if field.name.lower() not in present)
    return Alignment(
        sources,
        added,
        helping,
        refused=tuple(unknown["discard_row"]),
        casts=casts or {},
        partitions=partitions,
        lacking=lacking,
        stored_types=types,
        old_names=held.old_names,
    )


def with_flag(alignment: Alignment, contract: Contract, flag: str | None) -> Alignment:
    """The alignment, and whether each value of the column that marks deletes has to be held against true and false."""
    types = {field.name: field.dataType.simpleString() for field in alignment.helpers}
    types |= {column.name: column.type for column in contract.columns}
    is_sure = flag is None or types.get(flag, "boolean") == "boolean"
    return alignment if is_sure else dataclasses.replace(alignment, flag=flag)


def alike(names: Iterable[str], by: Callable[[str], str] = str.lower) -> list[list[str]]:
    """The names of which there are several that nobody can tell apart, who takes them for what `by` makes of them."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[by(name)].append(name)
    return [group for group in groups.values() if len(group) > 1]


def _refuse_twins(frame: DataFrame, contract: Contract) -> None:
    twins = [f"{name!r}" for names in alike(frame.columns) for name in names]
    if twins:
        raise CommitError(
            "the source has columns whose names differ by case alone, or not at all",
            table=contract.table,
            step="validate",
            seen=[", ".join(twins)],
            next_step="rename one of them in the source, or read it through a view that does",
        )


def held_by(stored: StructType, contract_columns: Collection[str], bookkeeping: Mapping[str, Any]) -> Held:
    """What a table has, by its schema and the bookkeeping of its last batch.

    Tables of which no batch says how their drifted columns were named are from before names had hashes.
    """
    known = bookkeeping.get(OLD_NAMES)
    if known is None:
        ours = {*map(str.lower, contract_columns), *METADATA_COLUMNS}
        known = [field.name for field in stored.fields if field.name.lower() not in ours]
    return Held(stored, frozenset(known))


def column_name(source_name: str, old_names: Collection[str] = ()) -> str:
    """The name in the table of a column that the contract does not know.

    It is the source's in lower case where Delta and warehouses take that. Otherwise what they do not take becomes `_`,
    and a hash of the source's name follows: `Total €` and `total_` are two columns, in whatever order they come.
    """
    stem = stem_of(source_name)
    if stem == source_name.lower() or stem in old_names:
        return stem
    return f"{stem}_{_digest(source_name)[:_DIGITS]}"


def table_name(source_name: Column, old_names: Collection[str] = ()) -> Column:
    """As `column_name`."""
    lower = F.lower(source_name)
    stem = F.regexp_replace(F.regexp_replace(lower, "[^a-z0-9_]", "_"), "^_+|_+$", "")
    stem = F.when(stem == "", "column").otherwise(stem)
    with_hash = F.concat_ws("_", stem, F.substring(F.sha2(lower, 256), 1, _DIGITS))
    return F.when((stem == lower) | stem.isin(*old_names), stem).otherwise(with_hash)


def stem_of(source_name: str) -> str:
    """What of a source's name Delta and warehouses take."""
    return re.sub(r"[^a-z0-9_]", "_", source_name.lower()).strip("_") or "column"


def beside(name: str, type_: str) -> str:
    """The column for values whose type the column `name` does not hold, whatever it is widened to."""
    return f"{name}_{re.sub(r'[^a-z0-9]+', '_', type_).strip('_')}_{_digest(f'{name} {type_}')[:_DIGITS]}"


def storable_type(source: StructField) -> str:
    """What a table holds a drifted column as: nested values are JSON text."""
    is_nested = isinstance(source.dataType, ArrayType | MapType | StructType)
    return "string" if is_nested else source.dataType.simpleString()


def _digest(source_name: str) -> str:
    return hashlib.sha256(source_name.lower().encode()).hexdigest()


def _named(
    unknown: Sequence[StructField], contract_columns: Collection[str], old_names: Collection[str]
) -> Iterator[tuple[str, StructField]]:
    """Table names for drifted columns. Which of two has a name that both could have does not depend on their order."""
    taken = {name.lower() for name in contract_columns}
    for source in sorted(unknown, key=lambda each: (stem_of(each.name) != each.name.lower(), each.name)):
        name, digits = column_name(source.name, old_names), _DIGITS
        if name in taken:
            name = f"{stem_of(source.name)}_{_digest(source.name)[:digits]}"
        while name in taken:
            digits += 1
            name = f"{stem_of(source.name)}_{hashlib.sha256(source.name.encode()).hexdigest()[:digits]}"
        taken.add(name)
        yield name, source


def _placed(
    named: Iterable[tuple[str, StructField]], stored: Mapping[str, str]
) -> tuple[tuple[tuple[str, StructField], ...], dict[str, str]]:
    """Each drifted column where the table can hold it: as it is, grown, as what it is there already, or beside that.

    Also gives the types of those that are less in the frame than in the table.
    """
    added, types = [], {}
    for name, source in named:
        type_ = storable_type(source)
        there = stored.get(name, type_)
        fits = there == type_ or widens(there, type_) or widens(type_, there)
        added.append((name if fits else beside(name, type_), source))
        if fits and widens(type_, there):
            types[name] = there
    return tuple(added), types
