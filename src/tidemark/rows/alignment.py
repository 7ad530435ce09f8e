"""How the columns of a source meet a contract: by name, with what becomes of those that it does not know."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField

from tidemark.errors import CommitError
from tidemark.rows import CORRUPT, ORIGIN

if TYPE_CHECKING:
    from tidemark.config.contract import Contract
    from tidemark.config.load import CastSpec, DriftAction


@dataclass(frozen=True)
class Alignment:
    """How the columns of a source frame meet a contract.

    `sources` gives each contract column its source column (None: the source lacks it); `added` are columns that the
    contract does not know: the name in the table, the source column and its type; rows with a value in one of
    `refused` are rejected; `helpers` only order rows or mark deletes and are not stored. `deletes`: a flag, and the
    columns whose rules count alone in a row that has it set. `casts`: by contract column, what may be lost on the way
    into it.
    """

    sources: Mapping[str, StructField | None]
    added: tuple[tuple[str, StructField], ...]
    helpers: tuple[StructField, ...] = ()
    refused: tuple[StructField, ...] = ()
    deletes: tuple[str, tuple[str, ...]] | None = None
    casts: Mapping[str, CastSpec] = field(default_factory=dict)

    def stored_columns(self, known: Sequence[str]) -> tuple[str, ...]:
        """The columns of the table: first those it has, in its own order (`known`), then the contract's, then new ones.

        The row hash depends on the order, which must not depend on the batch, nor on where in the contract a column
        stands that was added later: what lies in the table already would look changed.
        """
        names = dict.fromkeys((*self.sources, *sorted(name for name, _ in self.added)))
        older = [name for name in known if name in names]
        return (*older, *(name for name in names if name not in older))


def align(
    frame: DataFrame,
    contract: Contract,
    fields: Mapping[str, str],
    on_unknown: Callable[[str], DriftAction],
    helpers: Collection[str] = (),
    casts: Mapping[str, CastSpec] | None = None,
) -> Alignment:
    """Finds the source column of every contract column, by `fields` (target → source) or by name in any case.

    `on_unknown` says what becomes of a column that the contract does not know, as `Load.on_unknown` does. Raises
    `CommitError` for one that it freezes, and for names that differ by case alone: Spark cannot tell these apart.
    """
    own = {ORIGIN, CORRUPT}
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
    added = _named(unknown["evolve"], set(contract.column_names))
    return Alignment(sources, added, helping, tuple(unknown["discard_row"]), casts=casts or {})


def _refuse_twins(frame: DataFrame, contract: Contract) -> None:
    by_name: dict[str, list[str]] = defaultdict(list)
    for name in frame.columns:
        by_name[name.lower()].append(name)
    twins = [f"{name!r}" for names in by_name.values() if len(names) > 1 for name in names]
    if twins:
        raise CommitError(
            "the source has columns whose names differ by case alone, or not at all",
            table=contract.table,
            step="validate",
            seen=[", ".join(twins)],
            next_step="rename one of them in the source, or read it through a view that does",
        )


def table_name(source_name: Column) -> Column:
    """As `_named` names the first drifted column of this name."""
    return F.regexp_replace(F.regexp_replace(F.lower(source_name), "[^a-z0-9_]", "_"), "^_+|_+$", "")


def stem_of(source_name: str) -> str:
    """The name that a drifted column has in the table, unless another one has it already."""
    return re.sub(r"[^a-z0-9_]", "_", source_name.lower()).strip("_") or "column"


def _named(unknown: Sequence[StructField], taken: set[str]) -> tuple[tuple[str, StructField], ...]:
    """Table names for drifted columns: lower case, only letters Delta takes, numbered where two would collide."""
    added = []
    for column in unknown:
        stem = stem_of(column.name)
        name, number = stem, 2
        while name in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(name)
        added.append((name, column))
    return tuple(added)
