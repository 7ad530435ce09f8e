"""The type of text: the narrowest that keeps every value as it is."""

from __future__ import annotations

import pytest

from tidemark.sketch.kinds import kind_of


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], "string"),
        (["1", "0", "-17"], "bigint"),
        (["1", "999999999999999999"], "bigint"),
        (["1", "1234567890123456789"], "decimal(38,0)"),
        (["1" * 39], "string"),
        (["007", "12"], "string"),
        (["+49"], "string"),
        (["1.50", "20.00"], "decimal(18,2)"),
        (["1.5", "20.25"], "double"),
        (["1", "20.25"], "double"),
        (["1e5", "2.5"], "double"),
        (["52.520008", "13.404954"], "double"),
        (["0.1234567890123456789", "1.5"], "decimal(38,19)"),
        (["NaN", "1.5"], "string"),
        (["1,5", "2,5"], "string"),
        (["true", "False"], "boolean"),
        (["yes", "no"], "string"),
        (["1", "0"], "bigint"),
        (["2025-01-31"], "date"),
        (["2025-02-30"], "string"),
        (["31.01.2025"], "string"),
        (["2025-01-31T10:00", "2025-01-31 10:00:00.5", "2025-01-31T10:00:00+01:00", "2025-01-31"], "timestamp"),
        (["2025-01-31T10:00Z"], "string"),
        (["2025-01-31T25:00:00"], "string"),
        (["2025-01-31T24:00:00"], "string"),
        (["2025-01-31T10:00:60Z"], "string"),
        (["a", "1"], "string"),
    ],
)
def test_it(values: list[str], expected: str) -> None:
    assert kind_of(values) == expected
