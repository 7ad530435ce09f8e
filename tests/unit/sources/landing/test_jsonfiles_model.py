"""Generated JSON against Python's reader of it: what it reads is in a row as it is written, all else is corrupt."""

from __future__ import annotations

import gzip
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.lakes.landing import LandingFolder
from tests.support.odd.plainjson import Number, folded, parsed, read, text_of, written

NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
CHARACTERS = st.characters(exclude_categories=(), include_characters='"\\/{}[],:0.eE- \t\n\u2028\ufdd0\x00\x7f')
STRINGS = st.text(CHARACTERS, max_size=8) | st.sampled_from(["1.10", '"1.0"', "}{", "\\u0041", "\\ud800", "é\u0130"])
KEYS = st.text(CHARACTERS, max_size=3) | st.sampled_from(["id", "Id", "a.b", "`", "", "_", "_origin", "n"])


def objects_of(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[tuple[str, Any], ...]]:
    return st.lists(st.tuples(KEYS, values), max_size=4).map(tuple)


VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS.map(Number) | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | objects_of(inner),
    max_leaves=6,
)
TEXTS = st.builds(written, objects_of(VALUES), st.booleans(), st.sampled_from(["", " ", "\t"]))


def examples(texts: st.SearchStrategy[str], number: int) -> list[str]:
    found: list[str] = []

    @settings(max_examples=number, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(texts)
    def note(text: str) -> None:
        found.append(text)

    note()
    return list(dict.fromkeys(found))


def same(row: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Whether a row holds what was read; its columns may be spelled in another case."""
    found = {folded(name): value for name, value in row.items()}
    wanted = {folded(name): value for name, value in expected.items()}
    return set(found) == set(wanted) and all(
        parsed(found[name]) == value if isinstance(value, list | tuple) else found[name] == text_of(value)
        for name, value in wanted.items()
    )


def test_lines_and_documents_are_what_python_reads(json_landing: LandingFolder) -> None:
    texts = [text for text in examples(TEXTS, 500) if "\n" not in text]
    for number, text in enumerate(texts):
        expected_name = f"{number:04}.json"
        content = f"{text}\n" if number % 3 else f"[{text}]"
        data = content.encode("utf-8", errors="surrogatepass")
        json_landing.put(
            expected_name + (".gz" if number % 5 == 0 else ""), gzip.compress(data) if number % 5 == 0 else data
        )
    frame = json_landing.extract().frame
    rows: dict[int, list[dict[str, Any]]] = {}
    for row in frame.collect():
        given = row.asDict().items()
        values = {name: value for name, value in given if value is not None and not name.startswith("__tidemark_")}
        rows.setdefault(int(values.pop("_origin").rsplit("/", 1)[1][:4]), []).append(values)
    assert sorted(rows) == list(range(len(texts)))
    for number, text in enumerate(texts):
        (row,) = rows[number]
        expected = read(text)
        if expected is None:
            assert set(row) == {"_corrupt_record"}, text
        else:
            assert same(row, expected), (text, row)
