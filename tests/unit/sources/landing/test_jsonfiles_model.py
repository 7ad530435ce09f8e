"""Generated JSON against Python's reader of it: what it reads is in a row as it is written, all else is corrupt."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.lakes.landing import LandingFolder

NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
CHARACTERS = st.characters(exclude_categories=(), include_characters='"\\/{}[],:0.eE- \t\n\u2028\ufdd0\x00\x7f')
STRINGS = st.text(CHARACTERS, max_size=8) | st.sampled_from(["1.10", '"1.0"', "}{", "\\u0041", "\\ud800", "é\u0130"])
KEYS = st.text(CHARACTERS, max_size=3) | st.sampled_from(["id", "Id", "a.b", "`", "", "_", "_origin", "n"])


class Number(str):
    """A number as it is written."""


def written(value: Any, ascii_only: bool, blank: str) -> str:
    """JSON of our own making: pairs in their order (keys may come twice), numbers as they are."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, tuple):
        pairs = (
            f"{json.dumps(key, ensure_ascii=ascii_only)}{blank}:{written(each, ascii_only, blank)}"
            for key, each in value
        )
        return "{" + f",{blank}".join(pairs) + "}"
    if isinstance(value, list):
        return f"[{blank}" + ",".join(written(each, ascii_only, blank) for each in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


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


def read(text: str) -> dict[str, Any] | None:
    """By Python's reader: the pairs of one object with values as pairs and numbers as written; None for what is no such
    thing, or cannot be a row: half of a surrogate pair, the engine's own character, a key twice in any case.
    """
    try:
        pairs = parsed(text)
        text.encode()
        shown = json.dumps(json.loads(text), ensure_ascii=False)
        shown.encode()
    except ValueError:
        return None
    names = ["_" if key == "" else key for key, _ in pairs]
    alike = {folded(name) for name in names}
    if len(alike) < len(names) or "\ufdd0" in shown or "_origin" in alike:
        return None
    return {name: value for name, (_, value) in zip(names, pairs, strict=True) if value is not None}


def folded(name: str) -> str:
    """As Java compares names in any case: by single letters, large and then small."""
    return "".join(single(str.lower, single(str.upper, letter)) for letter in name.replace("İ", "i"))


def single(change: Callable[[str], str], letter: str) -> str:
    return change(letter) if len(change(letter)) == 1 else letter


def parsed(text: str) -> Any:
    return json.loads(text, parse_float=Number, parse_int=Number, object_pairs_hook=tuple)


def text_of(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else value


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
