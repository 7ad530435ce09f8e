"""Arguments of functions that have to be written down: names that they make, units, and what the parser would drop."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from tidemark.sql.queries import line_of
from tidemark.sql.refused import Refused
from tidemark.sql.words import is_text

_SCHEMAS = ("from_json", "from_xml", "from_csv", "from_avro", "from_protobuf")
_UNITS = {"trunc": 1, "date_trunc": 0, "time_trunc": 0}
_MOST = {"percentile": 2}
_WRITTEN = (exp.Literal, exp.Boolean, exp.Null, exp.Neg, exp.PivotAlias, exp.Alias)
_OPENS = (TokenType.L_PAREN, TokenType.L_BRACKET)
_CLOSES = (TokenType.R_PAREN, TokenType.R_BRACKET)


def argument_refusals(tokens: list[Token]) -> Iterator[Refused]:
    """Calls whose columns would be called, or whose values would be made, by what is computed somewhere else."""
    for at, token in enumerate(tokens[:-1]):
        if is_text(token) or tokens[at + 1].token_type is not TokenType.L_PAREN:
            continue
        name, given = token.text.lower(), _arguments(tokens, at + 1)
        if name == "named_struct" and not all(map(_is_written, given[::2])):
            yield Refused("has a field whose name is computed", "write the name as a text", token.line)
        elif name in _SCHEMAS and len(given) > 1 and any(map(_is_computed, given[1])):
            yield Refused(f"has a schema for `{name}` that is computed", "write it as a text", token.line)
        elif name in _UNITS and len(given) == 2 and not _is_written(given[_UNITS[name]]):
            yield Refused(f"has a unit for `{name}` that is computed", "write it as a text", token.line)
        elif len(given) > _MOST.get(name, len(given)):
            yield Refused(f"`{name}` has more than {_MOST[name]} arguments", "leave the others out", token.line)


def pivot_refusals(query: exp.Expr) -> Iterator[Refused]:
    """Columns of a PIVOT whose names are computed."""
    for pivot in query.find_all(exp.Pivot):
        values = [value for each in pivot.args.get("fields") or () for value in each.args.get("expressions") or ()]
        parts = [part for value in values for part in (value.expressions if isinstance(value, exp.Tuple) else [value])]
        if not pivot.args.get("unpivot") and not all(
            isinstance(each.this if isinstance(each, exp.Cast) else each, _WRITTEN) for each in parts
        ):
            yield Refused("has a PIVOT by a value that is computed", "write the value, or an alias", line_of(pivot))


def _arguments(tokens: list[Token], opening: int) -> list[list[Token]]:
    """The words of each argument of a call, whose parenthesis opens there."""
    found: list[list[Token]] = [[]]
    depth = 0
    for token in tokens[opening:]:
        depth += (token.token_type in _OPENS) - (token.token_type in _CLOSES)
        if depth == 0:
            break
        if depth == 1 and token.token_type is TokenType.COMMA:
            found.append([])
        elif depth > 1 or token.token_type not in _OPENS:
            found[-1].append(token)
    return [each for each in found if each]


def _is_written(argument: list[Token]) -> bool:
    return len(argument) == 1 and is_text(argument[0])


def _is_computed(token: Token) -> bool:
    """Whether a word of an argument is neither a text nor a call of `schema_of_json` and its like."""
    is_sign = token.token_type in (*_OPENS, *_CLOSES)
    return not (is_text(token) or is_sign or token.text.lower().startswith("schema_of_"))
