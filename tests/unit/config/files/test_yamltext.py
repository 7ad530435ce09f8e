from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tidemark.config.files.yamltext import Document, expand, parse
from tidemark.errors import ConfigError

Read = Callable[..., Document]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Parses a text as the file `x.yaml`."""

    def parse_text(text: str | bytes, variables: Mapping[str, str] | None = None) -> Document:
        path = tmp_path / "x.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return parse(path, variables)

    return parse_text


def problems(document: Document) -> list[tuple[int, str]]:
    return [(finding.line, finding.message) for finding in document.problems]


def test_values_know_their_lines(read: Read) -> None:
    document = read("a: 1\nb:\n  - {c: x, d: [1,\n     2]}\n  - y\n")
    assert document.data == {"a": 1, "b": [{"c": "x", "d": [1, 2]}, "y"]}
    lines = {("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 0, "c"): 3, ("b", 0, "d", 1): 4, ("b", 1): 5}
    assert {where: document.line(where) for where in lines} == lines
    assert document.line(("b", 0, "nothing", "here")) == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("12", 12),
        ("-0", 0),
        ("010", 10),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("-.Inf", float("-inf")),
        ("1.0.0", "1.0.0"),
        ("2025-03-01", "2025-03-01"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("|\n  12", "12\n"),
    ],
)
def test_scalars_are_read_by_yaml_1_2(read: Read, text: str, value: Any) -> None:
    data = read(f"a: {text}\n").data
    assert data == {"a": value}
    assert type(data["a"]) is type(value)


def test_keys_are_words_as_written(read: Read) -> None:
    assert read("on: 1\nno: 2\n3: 4\n").data == {"on": 1, "no": 2, "3": 4}


def test_numbers_keep_their_digits_as_text(read: Read) -> None:
    document = read("a: 0.1000000000000000000001\n")
    assert document.text(("a",)) == "0.1000000000000000000001"
    assert document.text(("b",)) is None


def test_a_key_that_is_there_twice_is_a_finding(read: Read) -> None:
    document = read("a: 1\nb: {c: 1, c: 2}\na: 2\n")
    assert problems(document) == [
        (2, "key `c` is here twice (first on line 2)"),
        (3, "key `a` is here twice (first on line 1)"),
    ]
    assert document.data == {"a": 1, "b": {"c": 1}}


def test_tags_and_complex_keys_are_findings(read: Read) -> None:
    document = read("a: !!python/object:os.system x\nb: !mine y\n? [1, 2]\n: z\n")
    assert [line for line, _ in problems(document)] == [1, 2, 3]


def test_an_anchor_inside_itself_is_a_finding(read: Read) -> None:
    document = read("a: &x [1, *x]\nb: &y {c: 1}\nd: *y\n")
    assert problems(document) == [(1, "an anchor holds itself")]
    assert document.data == {"a": [1, None], "b": {"c": 1}, "d": {"c": 1}}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "is not YAML"),
        ("a: 1\n\tb: 2\n", 2, "is not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "is not YAML"),
        (b"a: 1\nb: \xe9\n", 2, "is not UTF-8 (byte 0xe9)"),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_line(read: Read, text: str | bytes, line: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    (finding,) = caught.value.findings
    assert finding.line == line
    assert finding.message.startswith(message)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        parse(tmp_path / "nowhere.yaml")


def test_a_byte_order_mark_and_an_empty_file_are_fine(read: Read) -> None:
    assert read(b"\xef\xbb\xbfa: 1\n").data == {"a": 1}
    assert read("# only a comment\n").data is None


def test_variables_are_filled_in_after_parsing(read: Read) -> None:
    variables = {"PORT": "18401", "ODD": "a: [#", "EMPTY": ""}
    text = "s: {port: ${PORT:-1}, odd: ${ODD}}\nq: '${PORT}'\nd: ${NONE:-x/y}/z\ne: ${EMPTY:-full}${EMPTY}\n"
    assert read(text, variables).data == {"s": {"port": 18401, "odd": "a: [#"}, "q": "18401", "d": "x/y/z", "e": "full"}


def test_a_variable_without_value_is_a_finding_but_not_in_a_comment(read: Read) -> None:
    document = read("a: 1  # ${COMMENTED}\nb:\n  c: x${MISSING}y\n", {})
    assert problems(document) == [(3, "variable MISSING is not set")]
    assert "${MISSING:-value}" in document.problems[0].fix


def test_without_variables_the_text_stays(read: Read) -> None:
    assert read("a: ${HOME:-x}\nb: $notone ${}\n").data == {"a": "${HOME:-x}", "b": "$notone ${}"}


def test_expand_names_what_is_missing() -> None:
    assert expand("${A}-${B:-b}-${C}", {"A": "1"}) == ("1-b-", ["C"])


# YAML 1.1, which PyYAML writes, takes these for line breaks, and does not quote what only 1.2 takes for numbers.
_NUMBER_OF_1_2 = re.compile(r"[-+]?\d+[eE][-+]?\d+|0o[0-7]+")
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"), max_size=12).filter(
    lambda text: not _NUMBER_OF_1_2.fullmatch(text)
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS
_TREES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4))


@given(data=st.dictionaries(_TEXTS, _TREES, max_size=4), flow=st.booleans())
def test_what_a_yaml_library_writes_is_read_back(data: dict[str, Any], flow: bool) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_text(yaml.safe_dump(data, allow_unicode=True, default_flow_style=flow), encoding="utf-8")
        document = parse(path)
    assert document.data == data
    assert document.problems == ()
