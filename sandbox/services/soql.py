"""The part of SOQL that an extraction needs: SELECT fields FROM object WHERE … ORDER BY … LIMIT n.

Grammar (keywords in any case):

    query      = SELECT field {, field} FROM name [WHERE or] [ORDER BY order {, order}] [LIMIT integer]
    or         = and {OR and}
    and        = factor {AND factor}
    factor     = NOT factor | ( or ) | field operator literal
    operator   = "=" | "!=" | "<" | "<=" | ">" | ">="
    literal    = 2025-03-01T10:00:00.000Z | 2025-03-01 | 'text' | number | TRUE | FALSE | NULL
    order      = field [ASC | DESC] [NULLS FIRST | NULLS LAST]

As in the real thing: date-times need a zone, dates and date-times stand unquoted, `= NULL` tests for null, and a null
field is neither less nor greater than anything.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Record = Mapping[str, Any]
Condition = Callable[[Record], bool]

TOKEN = re.compile(
    r"""\s*(?:
      (?P<datetime>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:?\d{2}))
    | (?P<date>\d{4}-\d{2}-\d{2})
    | (?P<number>-?\d+(?:\.\d+)?)
    | '(?P<text>(?:[^'\\]|\\.)*)'
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<symbol><=|>=|!=|[=<>(),])
    )""",
    re.VERBOSE,
)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}


class SoqlError(ValueError):
    """A query that the CRM refuses; `code` is what its API calls the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Order:
    """One ORDER BY term."""

    field: str
    descending: bool
    nulls_last: bool


@dataclass(frozen=True)
class Query:
    """A parsed query; `names` are all fields it mentions."""

    fields: tuple[str, ...]
    object_name: str
    condition: Condition
    order: tuple[Order, ...]
    limit: int | None
    names: frozenset[str]

    def run(self, records: Iterable[Record]) -> list[Record]:
        """The matching records (whole, in order); without ORDER BY they come by Id."""
        rows = sorted((row for row in records if self.condition(row)), key=lambda row: str(row["Id"]))
        for term in reversed(self.order):
            name = term.field
            known = [row for row in rows if row.get(name) is not None]
            nulls = [row for row in rows if row.get(name) is None]
            known.sort(key=lambda row: _sort_key(row[name]), reverse=term.descending)
            rows = known + nulls if term.nulls_last else nulls + known
        return rows[: self.limit]


def parse(text: str) -> Query:
    """Parses a query. Raises SoqlError with code MALFORMED_QUERY."""
    return _Parser(text).query()


@dataclass
class _Parser:
    text: str
    tokens: list[tuple[str, str]] = field(init=False)
    position: int = field(init=False, default=0)
    names: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.tokens = []
        start, end = 0, len(self.text.rstrip())
        while start < end:
            match = TOKEN.match(self.text, start)
            if match is None or match.lastgroup is None:
                raise SoqlError("MALFORMED_QUERY", f"unexpected text at {start}: {self.text[start : start + 20]!r}")
            self.tokens.append((match.lastgroup, match.group(match.lastgroup)))
            start = match.end()

    def query(self) -> Query:
        self._expect("SELECT")
        fields = [self._name()]
        while self._take(","):
            fields.append(self._name())
        self._expect("FROM")
        object_name = self._word()
        condition = self._or() if self._take("WHERE") else _always
        order: list[Order] = []
        if self._take("ORDER"):
            self._expect("BY")
            order.append(self._order())
            while self._take(","):
                order.append(self._order())
        limit = self._limit() if self._take("LIMIT") else None
        if self.position < len(self.tokens):
            raise self._unexpected("the end of the query")
        return Query(tuple(fields), object_name, condition, tuple(order), limit, frozenset(self.names))

    def _or(self) -> Condition:
        terms = [self._and()]
        while self._take("OR"):
            terms.append(self._and())
        return terms[0] if len(terms) == 1 else lambda row: any(term(row) for term in terms)

    def _and(self) -> Condition:
        factors = [self._factor()]
        while self._take("AND"):
            factors.append(self._factor())
        return factors[0] if len(factors) == 1 else lambda row: all(factor(row) for factor in factors)

    def _factor(self) -> Condition:
        if self._take("NOT"):
            negated = self._factor()
            return lambda row: not negated(row)
        if self._take("("):
            inner = self._or()
            self._expect(")")
            return inner
        name = self._name()
        kind, symbol = self._next("an operator")
        if kind != "symbol" or symbol not in COMPARISONS:
            raise self._unexpected("an operator", back=1)
        literal = self._literal()
        if literal is None and symbol not in ("=", "!="):
            raise SoqlError("MALFORMED_QUERY", f"{name} {symbol} NULL: null can only be tested with = and !=")
        return _comparison(name, symbol, literal)

    def _order(self) -> Order:
        name = self._name()
        descending = self._take("DESC")
        if not descending:
            self._take("ASC")
        nulls_last = False
        if self._take("NULLS"):
            nulls_last = self._take("LAST")
            if not nulls_last:
                self._expect("FIRST")
        return Order(name, descending, nulls_last)

    def _literal(self) -> Any:
        kind, value = self._next("a value")
        if kind == "datetime":
            return datetime.fromisoformat(value)
        if kind == "date":
            return date.fromisoformat(value)
        if kind == "number":
            return Decimal(value)
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", value)
        if kind == "word" and value.upper() in CONSTANTS:
            return CONSTANTS[value.upper()]
        raise self._unexpected("a value", back=1)

    def _limit(self) -> int:
        kind, value = self._next("a number")
        if kind != "number" or not value.isdigit():
            raise self._unexpected("a number", back=1)
        return int(value)

    def _name(self) -> str:
        name = self._word()
        self.names.add(name)
        return name

    def _word(self) -> str:
        kind, value = self._next("a name")
        if kind != "word":
            raise self._unexpected("a name", back=1)
        return value

    def _take(self, expected: str) -> bool:
        if self.position < len(self.tokens):
            kind, value = self.tokens[self.position]
            if kind in ("word", "symbol") and value.upper() == expected:
                self.position += 1
                return True
        return False

    def _expect(self, expected: str) -> None:
        if not self._take(expected):
            raise self._unexpected(expected)

    def _next(self, expected: str) -> tuple[str, str]:
        if self.position == len(self.tokens):
            raise self._unexpected(expected)
        self.position += 1
        return self.tokens[self.position - 1]

    def _unexpected(self, expected: str, back: int = 0) -> SoqlError:
        position = self.position - back
        seen = repr(self.tokens[position][1]) if position < len(self.tokens) else "the end of the query"
        return SoqlError("MALFORMED_QUERY", f"expected {expected}, found {seen}")


def _always(_row: Record) -> bool:
    return True


def _comparison(name: str, symbol: str, literal: Any) -> Condition:
    """A condition on one field; a value that is not of the literal's kind meets no comparison but `!=`."""
    compare = COMPARISONS[symbol]

    def holds(row: Record) -> bool:
        value = _as_kind_of(literal, row.get(name))
        if literal is None or value is None:
            return compare(value, literal) if symbol in ("=", "!=") else False
        return bool(compare(value, literal))

    return holds


def _as_kind_of(literal: Any, value: Any) -> Any:
    """The field's JSON value as the literal's type; None when it cannot be."""
    if literal is None or value is None or isinstance(literal, bool) or isinstance(value, bool):
        return value
    try:
        if isinstance(literal, datetime):
            return datetime.fromisoformat(value)
        if isinstance(literal, date):
            return date.fromisoformat(value[:10])
        if isinstance(literal, Decimal):
            return Decimal(str(value))
    except (ArithmeticError, TypeError, ValueError):
        return None
    return str(value)


def _sort_key(value: Any) -> tuple[int, Any]:
    """Numbers before text; ISO date-times of one format sort as text."""
    return (0, value) if isinstance(value, (int, float)) else (1, str(value))
