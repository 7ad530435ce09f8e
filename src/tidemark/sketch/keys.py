"""Which columns tell the rows of a sample apart."""

from __future__ import annotations

from itertools import combinations

from tidemark.sketch.sample import Sample, SeenColumn

_FEWEST = 2  # rows, of which it can be said that something tells them apart
_COLUMNS = 12  # of which pairs are tried
_NO_KEYS = ("double", "float", "boolean")


def keys_of(sample: Sample, table: str) -> tuple[str, ...]:
    """The columns by which every row of the sample differs from the others; none where that is nobody's guess.

    A column that is called like a key comes first, then the one that stands further left. Amounts and measures are no
    keys by themselves, however they differ.
    """
    if sample.rows < _FEWEST:
        return _named_like_a_key(sample, table)
    able = [column for column in sample.columns if _is_able(column)]
    ranked = sorted(able, key=lambda column: (_rank(column.name, table), able.index(column)))
    for column in ranked:
        if len({*column.values}) == sample.rows and not _is_measure(column, table):
            return (column.name,)
    for pair in combinations(ranked[:_COLUMNS], 2):
        if (
            _may_go_together(pair, table)
            and len({*zip(*(column.values for column in pair), strict=True)}) == sample.rows
        ):
            return tuple(column.name for column in sorted(pair, key=able.index))
    return ()


_UNLIKE = 3


def _may_go_together(pair: tuple[SeenColumn, SeenColumn], table: str) -> bool:
    """An id with a text, a day or an instant, or a text with a day."""
    one, other = sorted(pair, key=lambda column: _rank(column.name, table))
    if _rank(one.name, table) < _UNLIKE:
        return _rank(other.name, table) < _UNLIKE or other.type in ("string", "date", "timestamp")
    return {one.type, other.type} == {"string", "date"}


def _rank(name: str, table: str) -> int:
    """How much a name sounds like a key: `id`, that of the table, of anything, or not at all."""
    plain = name.lower().replace(" ", "_").replace("-", "_")
    single = table.removesuffix("s").removesuffix("ie")
    if plain in ("id", f"{table}_id", f"{single}_id", f"{single}id", "uuid", "key", f"{single}_key", f"{single}_no"):
        return 0
    if plain.endswith(("_id", "_key", "_uuid", "_code", "_number", "_no", "code", "sku")) or name.endswith("Id"):
        return 1
    return 2 if plain.endswith("id") and len(plain) > len("id") else _UNLIKE


def _is_able(column: SeenColumn) -> bool:
    is_fraction = column.type.startswith("decimal") and not column.type.endswith(",0)")
    return None not in column.values and not column.nested and column.type not in _NO_KEYS and not is_fraction


def _is_measure(column: SeenColumn, table: str) -> bool:
    """Whether it is a number, or a time, that only happens to differ."""
    is_text_or_day = column.type in ("string", "date")
    return not is_text_or_day and _rank(column.name, table) == _UNLIKE


def _named_like_a_key(sample: Sample, table: str) -> tuple[str, ...]:
    named = [each.name for each in sample.columns if _is_able(each) and _rank(each.name, table) == 0]
    return tuple(named[:1])
