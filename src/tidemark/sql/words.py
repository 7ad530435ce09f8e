"""Words of a query that the parser and Spark may take differently: for the name of a column, or for none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import pairwise

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from tidemark.sql.refused import Refused

_WORD = re.compile(r"[^\W\d]\w*")
_NULL_ORDERS = (
    *(("nulls", place) for place in ("first", "last")),
    *((way, "nulls") for way in ("ignore", "respect", "include", "exclude")),
)
_ENDS = (TokenType.IDENTIFIER, TokenType.NUMBER, TokenType.R_PAREN, TokenType.R_BRACKET)
_BEFORE_VALUES = frozenset((
    "select", "distinct", "all", "from", "join", "and", "or", "not", "between", "like", "ilike", "rlike", "regexp",
    "div", "interval", "is", "in", "case", "when", "then", "else", "where", "having", "on", "by", "qualify",
))  # fmt: skip
_OTHER_NAMES = frozenset((
    "all", "as", "current_date", "current_time", "current_timestamp", "current_user", "distinct", "fetch",
    "localtime", "localtimestamp", "select", "session_user", "values",
))  # fmt: skip
"""Words that the parser never takes for a name, and Spark does where there is a column of that name."""
_SETS = frozenset(("union", "except", "minus", "intersect"))
_BEFORE_QUERIES = frozenset(("as", "from", "join"))
_BEFORE_BRACKETS = frozenset(("any", "array", "interval", "list", "map", "not", "some", "struct"))
_POSTFIX = ("isnull", "notnull")


def lost_names(tokens: list[Token], query: exp.Expr, columns: Collection[str]) -> Iterator[Refused]:
    """Names that the parser leaves out of what it makes of the text, so that nobody could follow them."""
    paths = [each.expression for each in query.find_all(exp.JSONExtract) if each.args.get("variant_extract")]
    steps = (each.name for path in paths for each in path.find_all(exp.JSONPathKey))
    kept = Counter(name.lower() for name in (*(each.name for each in query.find_all(exp.Identifier, exp.Var)), *steps))
    names, orders = {*columns, *kept}, _null_orders(tokens)
    kept.update(_keywords(query))
    kept.subtract(_words_of_texts(tokens, query))
    yield from _taken_for_names(tokens, names)
    for token, after in pairwise([*tokens, None]):
        is_call = after is not None and after.token_type is TokenType.L_PAREN
        if token is None or is_call or token.start in orders or not _is_name(token):
            continue
        name = token.text.lower()
        kept[name] -= 1
        if name in names and kept[name] < 0:
            yield Refused(f"has `{token.text}` where nobody can follow it", "leave it out", token.line)


def _words_of_texts(tokens: list[Token], query: exp.Expr) -> Counter[str]:
    """What the parser makes names of that were written as texts, such as the unit of `date_trunc('month', …)`."""
    made = Counter(each.name.lower() for each in query.find_all(exp.Var))
    return made & Counter(each.text.lower() for each in tokens if is_text(each))


def _taken_for_names(tokens: list[Token], names: Collection[str]) -> Iterator[Refused]:
    """Words that Spark may take for the name of a column, and the parser for something else."""
    for at, token in enumerate(tokens):
        if is_text(token) or _is_name(token):
            continue
        name = token.text.lower()
        is_call = at + 1 < len(tokens) and tokens[at + 1].token_type is TokenType.L_PAREN
        if name in _POSTFIX and not is_call:
            yield Refused(f"has `{token.text}`, which Spark takes for a name", "write IS NULL", token.line)
        elif name in names and (name in _OTHER_NAMES or (name in _BEFORE_BRACKETS and not is_call)):
            if _begins_query(tokens, at) or _says_which(tokens, at):
                continue
            yield Refused(f"has `{token.text}` where nobody can follow it", "choose another name", token.line)


def _begins_query(tokens: list[Token], at: int) -> bool:
    """Whether this `SELECT` stands where no expression can begin."""
    if tokens[at].text.lower() != "select":
        return False
    before = [each.text.lower() for each in tokens[max(at - 2, 0) : at]]
    if not before or before[-1] in _SETS or (before[-1] in ("all", "distinct") and before[0] in _SETS):
        return True
    if at + 1 == len(tokens) or tokens[at + 1].token_type is TokenType.R_PAREN:
        return False  # a name in parentheses
    is_behind_with = before[-1] == ")" and tokens[0].text.lower() == "with"
    return is_behind_with or (before[-1] == "(" and before[0] in _BEFORE_QUERIES)


def _says_which(tokens: list[Token], at: int) -> bool:
    """Whether this `ALL` or `DISTINCT` belongs to a set, or has a name behind it, as no name has."""
    if at == 0 or tokens[at].text.lower() not in ("all", "distinct"):
        return False
    is_before_name = at + 1 < len(tokens) and _is_name(tokens[at + 1])
    return tokens[at - 1].text.lower() in _SETS or (tokens[at - 1].text.lower() in ("select", "(") and is_before_name)


def _is_name(token: Token) -> bool:
    return token.token_type in (TokenType.VAR, TokenType.IDENTIFIER)


def _keywords(query: exp.Expr) -> Iterator[str]:
    """Words of frames, of `trim` and of clauses that columns can be called too, as often as they stand in a query."""
    for node in query.walk():
        if isinstance(node, exp.WindowSpec):
            words = [node.args.get(name) for name in ("start", "start_side", "end", "end_side")]
            yield from (each.lower().removesuffix(" row") for each in words if isinstance(each, str))
        elif isinstance(node, exp.Trim) and node.args.get("position"):
            yield node.args["position"].lower()
        elif isinstance(node, exp.WithinGroup):
            yield from ("within", "group")
        elif isinstance(node, exp.SetOperation) and node.args.get("by_name"):
            yield from ("by", "name")


def _null_orders(tokens: list[Token]) -> set[int]:
    """Where `NULLS LAST` and `IGNORE NULLS` begin and end, which the parser does not keep apart from what it adds.

    They stand behind an expression; a column of such a name, with another for its alias, stands before none.
    """
    found: set[int] = set()
    for before, first, second in zip(tokens, tokens[1:], tokens[2:], strict=False):
        is_plain = TokenType.IDENTIFIER not in (first.token_type, second.token_type)
        if is_plain and (first.text.lower(), second.text.lower()) in _NULL_ORDERS and _ends_value(before):
            found |= {first.start, second.start}
    return found


def _ends_value(token: Token) -> bool:
    if is_text(token) or token.token_type in _ENDS:
        return True
    return _WORD.fullmatch(token.text) is not None and token.text.lower() not in _BEFORE_VALUES


def is_text(token: Token) -> bool:
    return token.token_type in (TokenType.STRING, TokenType.RAW_STRING, TokenType.NATIONAL_STRING)


def is_word(token: Token) -> bool:
    """Whether something may be a name, quoted or not."""
    if token.token_type is TokenType.IDENTIFIER:
        return True
    return not is_text(token) and _WORD.fullmatch(token.text) is not None
