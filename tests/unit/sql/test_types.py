from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.sql.types import check_literal, decimal_digits, is_numeric, logical_type, normal_type, widens


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("STRING", "string"),
        (" Integer ", "int"),
        ("long", "bigint"),
        ("Decimal( 18 , 2 )", "decimal(18,2)"),
        ("NUMERIC(38)", "decimal(38,0)"),
        ("timestamp", "timestamp"),
    ],
)
def test_types_have_one_spelling(written: str, normal: str) -> None:
    assert normal_type(written) == normal
    assert normal_type(normal) == normal


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("bool", "`boolean`"),
        ("strng", "`string`"),
        ("decimal", "both digits"),
        ("decimal(39,2)", "1 to 38"),
        ("decimal(2,3)", "no more behind the point"),
        ("decimal(0,0)", "1 to 38"),
        ("array<int>", "use one of"),
        ("", "use one of"),
    ],
)
def test_a_type_that_does_not_exist_is_refused_with_what_to_write(written: str, hint: str) -> None:
    with pytest.raises(ValueError, match="does not exist") as caught:
        normal_type(written)
    assert hint in str(caught.value)


@given(precision=st.integers(1, 38), data=st.data())
def test_digits_of_a_decimal_are_read_back(precision: int, data: st.DataObject) -> None:
    scale = data.draw(st.integers(0, precision))
    column_type = normal_type(f"decimal({precision}, {scale})")
    assert decimal_digits(column_type) == (precision, scale)
    assert is_numeric(column_type)
    assert logical_type(column_type) == "number"


def test_logical_types_follow_from_columns() -> None:
    types = ["tinyint", "bigint", "double", "string", "boolean", "date", "timestamp"]
    assert [logical_type(each) for each in types] == [
        "integer",
        "integer",
        "number",
        "string",
        "boolean",
        "date",
        "timestamp",
    ]
    assert decimal_digits("double") is None
    assert not is_numeric("date")


@pytest.mark.parametrize(
    ("text", "column_type"),
    [("-1", "int"), ("1E3", "bigint"), ("0.5", "double"), ("1.005", "decimal(5,2)"), ("2025-03-01", "date"),
     ("2025-03-01T10:00:00", "timestamp"), ("2025-03-01", "timestamp"), ("True", "boolean"), ("", "string")],
)  # fmt: skip
def test_literals_of_a_type_are_accepted(text: str, column_type: str) -> None:
    check_literal(text, column_type)


@pytest.mark.parametrize(
    ("text", "column_type", "why"),
    [("x", "int", "`x` is not a number, the column is int"), ("1.5", "int", "is not a whole number that fits"),
     ("2147483648", "int", "is not a whole number that fits"), ("128", "tinyint", "is not a whole number that fits"),
     ("NaN", "double", "bounds nothing"), ("Infinity", "double", "bounds nothing"),
     ("one", "decimal(5,2)", "`one` is not a number"), ("01.03.2025", "date", "Invalid isoformat string"),
     ("noon", "timestamp", "Invalid isoformat string"), ("ja", "boolean", "`ja` is not true or false")],
)  # fmt: skip
def test_literals_that_could_never_match_are_refused(text: str, column_type: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_literal(text, column_type)


@pytest.mark.parametrize(
    ("before", "grows_to"),
    [
        ("tinyint", {"smallint", "int", "bigint", "double", "decimal(10,0)", "decimal(12,2)", "decimal(20,0)"}),
        ("int", {"bigint", "double", "decimal(10,0)", "decimal(12,2)", "decimal(20,0)"}),
        ("bigint", {"decimal(20,0)"}),
        ("float", {"double"}),
        ("double", set()),
        ("decimal(9,0)", {"decimal(10,0)", "decimal(12,2)", "decimal(20,0)"}),
        ("decimal(9,2)", {"decimal(12,2)"}),
        ("decimal(12,2)", set()),
        ("string", set()),
        ("date", set()),
        ("boolean", set()),
    ],
)
def test_a_type_grows_to_those_that_hold_all_its_values(before: str, grows_to: set[str]) -> None:
    others = ["tinyint", "smallint", "int", "bigint", "float", "double", "decimal(9,0)", "decimal(10,0)"]
    others += ["decimal(12,2)", "decimal(20,0)", "string", "boolean", "date", "timestamp"]
    assert {after for after in others if widens(before, after)} == grows_to
