"""Which columns tell the rows of a sample apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from tidemark.sketch.sample import Sample, SeenColumn

_FEWEST = 2  # rows, of which it can be said that something tells them apart
_COLUMNS = 10  # of which pairs and triples are tried
_BAD = 0.02  # of the rows may lack a key: they are bad, and not the key
_NO_KEYS = ("double", "float", "boolean")
_UNLIKE = 3
_TIMES = ("date", "timestamp")

Rows = Sequence[int]


def keys_of(sample: Sample, table: str) -> tuple[str, ...]:
    """The columns by which every row of the sample differs from the others; none where that is nobody's guess.

    A column that is called like a key comes first, then the one that stands further left. Amounts and measures are no
    keys by themselves, however they differ. A row that is there twice, all of it, speaks against no key.
    """
    if sample.rows < _FEWEST:
        return _named_like_a_key(sample, table)
    able = [column for column in sample.columns if _is_able(column)]
    ranked = sorted(able, key=lambda column: (_rank(column.name, table), able.index(column)))
    rows = _different(sample)
    for columns in _candidates(ranked, table):
        if _tell_apart(columns, rows):
            return tuple(column.name for column in sorted(columns, key=able.index))
    return ()


def _candidates(ranked: Sequence[SeenColumn], table: str) -> Iterator[tuple[SeenColumn, ...]]:
    """Single columns first, then pairs and triples of those that may go together."""
    yield from ((column,) for column in ranked if not _is_measure(column, table))
    ids = [column for column in ranked if _rank(column.name, table) < _UNLIKE]
    times = [column for column in ranked if column not in ids and column.type in _TIMES]
    texts = [column for column in ranked if column not in ids and column.type == "string"]
    together = [*ids, *times, *texts]
    for size in (2, 3):
        for columns in combinations(together[:_COLUMNS], size):
            named = sum(column in ids for column in columns)
            kinds = {column.type for column in columns}
            if named >= size - 1 or (size == 2 and kinds == {"string", "date"}):
                yield columns


def _different(sample: Sample) -> Rows:
    """The rows of the sample, each that is there several times once."""
    found = {row: at for at, row in enumerate(zip(*(column.values for column in sample.columns), strict=True))}
    return sorted(found.values())


def _tell_apart(columns: Sequence[SeenColumn], rows: Rows) -> bool:
    values = [tuple(column.values[row] for column in columns) for row in rows]
    whole = [each for each in values if None not in each]
    return len(whole) >= (1 - _BAD) * len(values) and len({*whole}) == len(whole)


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
    is_there = column.values.count(None) <= _BAD * len(column.values)
    return is_there and not column.nested and column.type not in _NO_KEYS and not is_fraction


def _is_measure(column: SeenColumn, table: str) -> bool:
    """Whether it is a number, or a time, that only happens to differ."""
    is_text_or_day = column.type in ("string", "date")
    return not is_text_or_day and _rank(column.name, table) == _UNLIKE


def _named_like_a_key(sample: Sample, table: str) -> tuple[str, ...]:
    named = [each.name for each in sample.columns if _is_able(each) and _rank(each.name, table) == 0]
    return tuple(named[:1])
