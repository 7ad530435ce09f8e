"""Values, rows and ranges as SQL that gives the same answer in Spark, Snowflake and Redshift.

A value is compared by its canonical text: numbers plain and without zeros at the end, times in UTC to the microsecond,
floating-point numbers by the bits that they are made of. A row is the hash of the hashes of its values, a set of rows
the sum of those, in whatever order they come. Hashes are the last 60 bits of MD5, which fit the integers of all three.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from tidemark.sql.types import FRACTIONS, INTEGERS, decimal_digits
from tidemark.warehouses import literal, quoted

if TYPE_CHECKING:
    from tidemark.warehouses import ResultColumn

Kind = Literal["text", "number", "float", "boolean", "date", "timestamp", "zoned"]
"""What values of a type are; `zoned` times come with a zone."""

HASH_DIGITS = 15
"""Of the hexadecimal digits of an MD5, from the end: 60 bits."""
_FIRST_DIGIT = 33 - HASH_DIGITS
_MODULUS = 16**HASH_DIGITS
_BITS = 2**40
_LARGEST, _SMALLEST = "1000000000000000", "0.000000059604644775390625"  # 10^15, 2^-24
_NULL = "'-'"
_MOST_DIGITS = 18
_SIMPLE: Mapping[str, Kind] = {"string": "text", "boolean": "boolean", "date": "date", "timestamp": "timestamp"}


def kind_of(spark_type: str) -> Kind:
    """What values of a contract's type are."""
    if spark_type in FRACTIONS:
        return "float"
    return "number" if spark_type in INTEGERS or decimal_digits(spark_type) else _SIMPLE[spark_type]


def scale_of(spark_type: str) -> int:
    """How many digits behind the point a contract's type has room for."""
    return (decimal_digits(spark_type) or (0, 0))[1]


def comparable(upstream: Kind | None, downstream: Kind) -> bool:
    """Whether values of the one type can be the same as values of the other.

    A text may stand for a number or a date: it is compared by the usual form of these.
    """
    if downstream == "timestamp":
        return upstream in ("timestamp", "zoned", "date")
    return upstream == downstream or (upstream == "text" and downstream in ("number", "date"))


class Dialect(ABC):
    """How one system writes it. `side` is what it is called where a value has no canonical text: then it is equal to
    nothing."""

    title: str
    text_type = "VARCHAR"
    double_type = "DOUBLE PRECISION"
    infinity = "Infinity"

    @abstractmethod
    def kind(self, column: ResultColumn) -> Kind | None:
        """What the values of a column are; None for a type that has no canonical text."""

    @abstractmethod
    def number(self, text: str) -> str:
        """The last 60 bits of a text's MD5 as a whole number."""

    @abstractmethod
    def date(self, value: str) -> str:
        """A date as `2025-03-31`."""

    @abstractmethod
    def instant(self, value: str, kind: Kind) -> str:
        """A time as `2025-03-31 10:00:00.123456`, in UTC."""

    @abstractmethod
    def is_like(self, text: str, pattern: str) -> str:
        """Whether a regular expression, which has its ends, fits a text."""

    @abstractmethod
    def trimmed(self, text: str) -> str:
        """The text of a number with a point, without zeros at the end, and without a point there."""

    def quoted(self, name: str) -> str:
        """A column's name."""
        return quoted(name)

    def as_text(self, value: str) -> str:
        """A value as the system itself writes it."""
        return f"CAST({value} AS {self.text_type})"

    def canonical(self, value: str, kind: Kind, wanted: Kind, scale: int = 0) -> str:
        """The text by which a value is compared, as one of the kind that is `wanted`; null of null.

        A text that is to be a number is one where it has no more than `scale` digits behind the point; in any other
        form it stays as it is, and is equal to no number.
        """
        if kind == "text":
            return self._number_in(value, scale) if wanted == "number" else value
        if wanted == "boolean":
            return f"CASE WHEN {value} THEN 'true' WHEN NOT {value} THEN 'false' END"
        if wanted == "date":
            return self.date(value)
        if wanted == "timestamp":
            return self.instant(value, kind)
        return self._of_number(value) if wanted == "number" else self._of_float(value)

    def shown(self, value: str, kind: Kind, wanted: Kind, scale: int = 0) -> str:
        """The text in which people see a value."""
        return self.as_text(value) if wanted == "float" else self.canonical(value, kind, wanted, scale)

    def literal(self, text: str, kind: Kind) -> str:
        """A value of which this is the canonical text."""
        if kind == "number":
            return text
        if kind in ("date", "timestamp"):
            return f"{kind.upper()} {literal(text)}"
        return literal(text)

    def digest(self, text: str, kind: Kind) -> str:
        """The hash of a canonical text: `-` for null. Not every system hashes blanks at the end of a text."""
        closed = f"{text} || '.'" if kind == "text" else text
        return f"COALESCE(MD5({closed}), {_NULL})"

    def hashed(self, digests: Sequence[str]) -> str:
        """The hash of several values as a whole number."""
        return self.number(" || ".join(digests))

    def summed(self, number: str) -> str:
        """The sum of whole numbers, as text; 0 of none."""
        return f"CAST(COALESCE(SUM(CAST({number} AS DECIMAL(38, 0))), 0) AS {self.text_type})"

    def _of_number(self, value: str) -> str:
        text = self.as_text(value)
        return f"CASE WHEN POSITION('.' IN {text}) > 0 THEN {self.trimmed(text)} ELSE {text} END"

    def cast(self, text: str, type_: str) -> str:
        """A text that is known to be a value of the type, as that."""
        return f"CAST({text} AS {type_})"

    def _number_in(self, text: str, scale: int) -> str:
        behind = f"([.][0-9]{{0,{scale}}}0*)?" if scale else "([.]0*)?"
        is_number = self.is_like(text, f"^-?[0-9]{{1,{_MOST_DIGITS}}}{behind}$")
        number = self._of_number(self.cast(text, f"DECIMAL(38, {scale})"))
        return f"CASE WHEN {is_number} THEN {number} ELSE {text} END"

    def _of_float(self, value: str) -> str:
        """Sign, whole part and 80 bits behind it: every step is exact, so that all systems come to the same.

        What is too large or too small for that is equal to nothing; what is no number has its name.
        """
        size = f"ABS(CAST({value} AS {self.double_type}))"
        first = f"({size} - FLOOR({size})) * {_BITS}"
        second = f"({first} - FLOOR({first})) * {_BITS}"
        parts = " || '.' || ".join(self._whole(f"FLOOR({each})") for each in (size, first, second))
        is_exact = f"{size} < {_LARGEST} AND ({size} >= {_SMALLEST} OR {size} = 0)"
        sign = f"CASE WHEN {value} < 0 THEN '-' ELSE '' END"
        written = {"NaN": "NaN", "Infinity": self.infinity, "-Infinity": f"-{self.infinity}"}
        named = " ".join(
            f"WHEN {value} = CAST('{here}' AS {self.double_type}) THEN '{name}'" for name, here in written.items()
        )
        exact = f"WHEN {is_exact} THEN {sign} || {parts}"
        return f"CASE WHEN {value} IS NULL THEN NULL {exact} {named} ELSE '{self.title}' END"

    def _whole(self, value: str) -> str:
        return f"CAST(CAST({value} AS DECIMAL(20, 0)) AS {self.text_type})"


class SparkDialect(Dialect):
    """The lake."""

    title = "lake"
    text_type = "STRING"
    double_type = "DOUBLE"

    def kind(self, column: ResultColumn) -> Kind | None:
        return kind_of(column.type)

    def quoted(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def number(self, text: str) -> str:
        return f"CAST(CONV(SUBSTRING(MD5({text}), {_FIRST_DIGIT}), 16, 10) AS DECIMAL(20, 0))"

    def date(self, value: str) -> str:
        return f"DATE_FORMAT({value}, 'yyyy-MM-dd')"

    def instant(self, value: str, kind: Kind) -> str:
        return f"DATE_FORMAT({value}, 'yyyy-MM-dd HH:mm:ss.SSSSSS')"

    def trimmed(self, text: str) -> str:
        return f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {text}))"

    def is_like(self, text: str, pattern: str) -> str:
        return f"{text} RLIKE '{pattern}'"


class SnowflakeDialect(Dialect):
    """Snowflake."""

    title = "Snowflake"
    double_type = "DOUBLE"
    infinity = "inf"
    _kinds: Mapping[str, Kind] = {
        "FIXED": "number",
        "REAL": "float",
        "TEXT": "text",
        "BOOLEAN": "boolean",
        "DATE": "date",
        "TIMESTAMP_NTZ": "timestamp",
        "TIMESTAMP_TZ": "zoned",
        "TIMESTAMP_LTZ": "zoned",
    }

    def kind(self, column: ResultColumn) -> Kind | None:
        return self._kinds.get(column.type)

    def number(self, text: str) -> str:
        return f"MOD(MD5_NUMBER_LOWER64({text}), {_MODULUS})"

    def date(self, value: str) -> str:
        return f"TO_CHAR({value}, 'YYYY-MM-DD')"

    def instant(self, value: str, kind: Kind) -> str:
        local = f"CONVERT_TIMEZONE('UTC', {value})" if kind == "zoned" else value
        return f"TO_CHAR({local}::TIMESTAMP_NTZ, 'YYYY-MM-DD HH24:MI:SS.FF6')"

    def trimmed(self, text: str) -> str:
        return f"REGEXP_REPLACE({text}, '[.]?0*$', '')"

    def is_like(self, text: str, pattern: str) -> str:
        return f"REGEXP_LIKE({text}, '{pattern}')"

    def cast(self, text: str, type_: str) -> str:
        """It may be cast before anybody has looked whether it is one."""
        return f"TRY_CAST({text} AS {type_})"

    def literal(self, text: str, kind: Kind) -> str:
        return f"{literal(text)}::TIMESTAMP_NTZ" if kind == "timestamp" else super().literal(text, kind)


class RedshiftDialect(Dialect):
    """Redshift. Its CHAR, which is filled with blanks, has no canonical text."""

    title = "Redshift"
    _kinds: Mapping[str, Kind] = {
        **dict.fromkeys(("20", "21", "23", "1700"), "number"),
        **dict.fromkeys(("700", "701"), "float"),
        **dict.fromkeys(("25", "1043"), "text"),
        "16": "boolean",
        "1082": "date",
        "1114": "timestamp",
        "1184": "zoned",
    }

    def kind(self, column: ResultColumn) -> Kind | None:
        return self._kinds.get(column.type)

    def number(self, text: str) -> str:
        return f"STRTOL(SUBSTRING(MD5({text}), {_FIRST_DIGIT}, {HASH_DIGITS}), 16)"

    def date(self, value: str) -> str:
        return f"TO_CHAR({value}, 'YYYY-MM-DD')"

    def instant(self, value: str, kind: Kind) -> str:
        local = f"({value} AT TIME ZONE 'UTC')" if kind == "zoned" else value
        return f"TO_CHAR(CAST({local} AS TIMESTAMP), 'YYYY-MM-DD HH24:MI:SS.US')"

    def trimmed(self, text: str) -> str:
        return f"REGEXP_REPLACE({text}, '[.]?0*$', '')"

    def is_like(self, text: str, pattern: str) -> str:
        return f"{text} ~ '{pattern}'"


DIALECTS: Mapping[str, Dialect] = {"snowflake": SnowflakeDialect(), "redshift": RedshiftDialect()}
"""Kind of connection → its dialect."""
