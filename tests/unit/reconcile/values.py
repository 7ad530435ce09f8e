"""Values of every type with their canonical texts, written by hand; every system is held against them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from tidemark.reconcile.dialects import Kind

VALUES: Sequence[tuple[Kind, str, str | None, str | None]] = (
    # kind, type, the value as SQL that all systems understand (None: null), its canonical text
    ("text", "VARCHAR(200)", None, None),
    ("text", "VARCHAR(200)", "''", ""),
    ("text", "VARCHAR(200)", "'blanks  '", "blanks  "),
    ("text", "VARCHAR(200)", "'it''s äöü 漢字 🎈'", "it's äöü 漢字 🎈"),
    ("text", "VARCHAR(200)", "'1.50'", "1.50"),
    ("text", "VARCHAR(200)", "'-'", "-"),
    ("boolean", "BOOLEAN", "TRUE", "true"),
    ("boolean", "BOOLEAN", "FALSE", "false"),
    ("boolean", "BOOLEAN", None, None),
    ("number", "BIGINT", "0", "0"),
    ("number", "BIGINT", "1200", "1200"),
    ("number", "BIGINT", "-9223372036854775807", "-9223372036854775807"),
    ("number", "INTEGER", "100", "100"),
    ("number", "DECIMAL(18, 2)", "0", "0"),
    ("number", "DECIMAL(18, 2)", "0.5", "0.5"),
    ("number", "DECIMAL(18, 2)", "-0.05", "-0.05"),
    ("number", "DECIMAL(18, 2)", "100", "100"),
    ("number", "DECIMAL(18, 2)", "1234567890123456.78", "1234567890123456.78"),
    ("number", "DECIMAL(38, 18)", "0", "0"),
    ("number", "DECIMAL(38, 18)", "0.000000000000000001", "0.000000000000000001"),
    ("number", "DECIMAL(38, 0)", "123456789012345678", "123456789012345678"),
    ("number", "DECIMAL(18, 2)", None, None),
    ("date", "DATE", "DATE '2025-03-31'", "2025-03-31"),
    ("date", "DATE", "DATE '1899-12-31'", "1899-12-31"),
    ("date", "DATE", None, None),
    ("timestamp", "TIMESTAMP", "TIMESTAMP '2025-03-31 10:00:00'", "2025-03-31 10:00:00.000000"),
    ("timestamp", "TIMESTAMP", "TIMESTAMP '2025-03-30 02:30:00.123456'", "2025-03-30 02:30:00.123456"),
    ("timestamp", "TIMESTAMP", "TIMESTAMP '1969-12-31 23:59:59.999999'", "1969-12-31 23:59:59.999999"),
    ("timestamp", "TIMESTAMP", "TIMESTAMP '2025-03-31 10:00:00.120000'", "2025-03-31 10:00:00.120000"),
    ("timestamp", "TIMESTAMP", None, None),
)
NUMBERS_IN_TEXTS: Sequence[tuple[int, str, str]] = (
    # digits behind the point, a text, its canonical text as a number, or the text itself where it is none
    (0, "7", "7"),
    (0, "007", "7"),
    (0, "-12", "-12"),
    (0, "7.0", "7"),
    (0, "7.5", "7.5"),
    (0, "two", "two"),
    (0, "", ""),
    (0, "1e3", "1e3"),
    (2, "12.50", "12.5"),
    (2, "12.5", "12.5"),
    (2, "12.500", "12.5"),
    (2, "12.505", "12.505"),
    (2, "100", "100"),
    (2, "0.00", "0"),
    (2, "1,50", "1,50"),
    (2, " 7", " 7"),
    (2, "1234567890123456789012345678901234567890", "1234567890123456789012345678901234567890"),
)
FLOATS: Sequence[float | None] = (
    0.0, -0.0, 1.0, -1.5, 0.1, -0.1, 0.1 + 0.2, 1 / 3, 123.456, 1e14, 999999999999999.9, 1e-7, 2.5e-7, 5e-8,
    3.141592653589793, -2.718281828459045, None,
)  # fmt: skip
NO_NUMBERS = ("NaN", "Infinity", "-Infinity")
NOT_EXACT = (1e15, 1e300, 1e-9)
"""Of which there is no canonical text: they are equal to nothing."""


def text_of(value: float | None) -> str | None:
    """The canonical text of a floating-point number, from its exact value."""
    if value is None:
        return None
    size = abs(Fraction(value))
    if size >= 10**15 or 0 < size < Fraction(1, 2**24):
        return "?"
    whole, rest = divmod(size, 1)
    first, rest = divmod(rest * 2**40, 1)
    second, rest = divmod(rest * 2**40, 1)
    assert rest == 0
    return f"{'-' if value < 0 else ''}{int(whole)}.{int(first)}.{int(second)}"
