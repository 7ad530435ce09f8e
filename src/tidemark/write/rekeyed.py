"""Tables that got other keys than those by which their rows were written.

Rows are found by key: one that has no value in a key, or shares it with others, would be found by none, or by several.
What a query computes takes the place of all that is there then; rows that were received nobody can merge.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.config.definition import is_by
from tidemark.config.load import INCREMENTAL_MODES
from tidemark.errors import CommitError
from tidemark.rows import own, quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tidemark.config.files.writing import WriteSpec
    from tidemark.write.batch import Work

UNIQUE_BY = "unique_by"
_ROWS, _KEYLESS, _MOST = own("rows"), own("keyless"), own("most")


def unique_by(write: WriteSpec, keys: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of whose values a table that is written so has one row each; () where it may have several."""
    return tuple(sorted(keys)) if write.mode in INCREMENTAL_MODES else ()


def replaces_all(work: Work) -> bool:
    """Whether the batch takes the place of all rows of its table, as these cannot be found by today's keys.

    Raises `CommitError` where it does not hold all that the table should have.
    """
    if work.state.version is None or work.table.load.write.mode not in INCREMENTAL_MODES:
        return False
    stored = work.stored.fieldNames()
    seen = [f"`{key}` is no column of the table" for key in work.keys if key not in stored]
    if not seen and _has_other_keys(work) and (target := work.target()) is not None:
        seen = _unfit(work, target)
    if not seen:
        return False
    if work.table.load.source is None and work.checked.complete and work.checked.affected is None:
        return True
    raise _refusal(work, seen)


def _has_other_keys(work: Work) -> bool:
    """Whether the last batch was written by other keys; of one that does not say so, whether it may have been."""
    metadata = work.state.metadata
    known = metadata.get(UNIQUE_BY)
    if known is not None:
        return tuple(known) != unique_by(work.table.load.write, work.keys)
    definition = work.checked.definition
    return definition is not None and not is_by(metadata.get("definition"), definition)


def _unfit(work: Work, target: DataFrame) -> list[str]:
    keys = [quoted(key) for key in work.keys]
    keyless = reduce(or_, (key.isNull() for key in keys))
    of_key = target.groupBy(*keys).agg(F.count("*").alias(_ROWS), F.count_if(keyless).alias(_KEYLESS))
    found = of_key.agg(F.sum(_KEYLESS).alias(_KEYLESS), F.max(_ROWS).alias(_MOST)).collect()[0]
    named, seen = ", ".join(work.keys), []
    if found[_KEYLESS]:
        seen.append(f"{found[_KEYLESS]} rows have no value in a column of the key ({named})")
    if (found[_MOST] or 0) > 1:
        seen.append(f"several rows have the same values in {named}")
    return seen


def _refusal(work: Work, seen: list[str]) -> CommitError:
    name = work.table.name
    if work.table.load.source is None:
        return CommitError(
            "the table got other keys than its rows were written by, and just a part of it is computed; nothing was "
            "written",
            table=name,
            step="prepare",
            seen=seen,
            evidence=work.path,
            next_step=f"tidemark run --select {name} computes it as a whole",
        )
    return CommitError(
        "the table got other keys than its rows were written by, and they cannot be found by the new ones; nothing was "
        "written",
        table=name,
        step="prepare",
        seen=seen,
        evidence=work.path,
        next_step="say the mode and the keys of before again, and build a table with the new ones from this one; or "
        "remove its folder, and run again: the table is then made anew of what its source has",
    )
