"""What SQL of a configuration may be: one query over the inputs of its table, by Spark's own functions.

Queries are text from files that many people change, and they run with the rights of the engine. So what they may do is
listed; whatever is not listed is refused, with line and reason. Names are taken from the text as it is written, and not
from what a parser makes of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from tidemark.sql.arguments import argument_refusals, pivot_refusals
from tidemark.sql.functions import ALLOWED, HINTS, KEYWORDS, REFUSED, WITH_MESSAGE
from tidemark.sql.queries import DIALECT, SqlError, full_name, line_of, parse, statements
from tidemark.sql.refused import Refused
from tidemark.sql.words import is_text, is_word, lost_names

_VARIABLE = re.compile(r"\$\{")
_RAW_END = re.compile(r"""\b[rR](?:'[^']*\\'|"[^"]*\\")""")
_HIDDEN_LINE = re.compile(r"--[^\r\n]*\\\r?\n")
_SPANS = re.compile(
    r"""(?P<comment>--(?:\\\n|[^\r\n])*|/\*(?!\+).*?\*/)"""
    r"""|(?P<text>(?<!\w)[rR](?:'[^']*'|"[^"]*")|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`)""",
    re.DOTALL,
)
"""Comments, texts and quoted names as Spark's own grammar (SqlBaseLexer.g4) has them."""
_UNREADABLE = re.compile(r"""/\*(?!\+)|['"`$]|\{[#{%]|\w://|[^\S \t\r\n]""")
_REFUSED_CALL = re.compile(rf"(?i)\b(?P<name>{'|'.join(sorted(REFUSED))})[`\s]*\(")
_NUMBERS = (TokenType.NUMBER, TokenType.HEX_STRING, TokenType.BIT_STRING)
_NUMBER = re.compile(r"(?i)(?:\d+[lsy]|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?:f|d|bd)?)(?![\w.])")
"""Numbers as Spark's own grammar has them; `range(1, 2)` and `a[0].b` have some too."""
_SIGMAS = frozenset("Σσς")
_VIEW_NAME = re.compile(r"(bronze|silver|gold)__\w+")
_LAYERS = ("bronze", "silver", "gold")
_BARE = frozenset(("current_user", "session_user", "user"))
_QUOTES = frozenset("'\"`")
_NOT_QUERIES = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock)
_FROM_OUTSIDE = (exp.Parameter, exp.SessionParameter, exp.Placeholder)
_ONLY_SELECT = "write one SELECT over the table's inputs"


def refusals(
    sql: str, tables: Collection[str], *, views: Collection[str] = (), columns: Collection[str] = ()
) -> Iterator[Refused]:
    """What is not allowed in a query that may read `tables` (`layer.table`), or `views` by their bare names.

    A word that Spark takes for a function where no column has its name is none where it is among `columns`.
    """
    tokens = _tokens(sql)
    yield from text_refusals(sql)
    yield from _misread(sql, tokens)
    try:
        query = parse(sql)
    except SqlError as error:
        yield Refused(error.message, _ONLY_SELECT, error.line, "parse")
        return
    if not isinstance(query.unnest() if isinstance(query, exp.Subquery) else query, exp.Select | exp.SetOperation):
        yield Refused(f"is a {query.key.upper()}", _ONLY_SELECT, line_of(query))
    yield from _calls(tokens, _named(query), columns)
    if not isinstance(tokens, TokenError):
        yield from lost_names(tokens, query, columns)
        yield from argument_refusals(tokens)
    yield from pivot_refusals(query)
    yield from _forms(query)
    for table in query.find_all(exp.Table):
        yield from _table(table, tables, {view.lower() for view in views})
    yield from _layer_names(query)
    for cte in query.find_all(exp.CTE):
        if _VIEW_NAME.fullmatch(cte.alias.lower()):
            yield Refused(f"`{cte.alias}` is the name of a view of the engine", "choose another name", line_of(cte))


def _layer_names(query: exp.Expr) -> Iterator[Refused]:
    """Aliases by which `silver.orders.x` could be something else than a column of a table."""
    named_whole = {column.db.lower() for column in query.find_all(exp.Column) if column.db}
    for alias in query.find_all(exp.TableAlias):
        if alias.name.lower() in named_whole and alias.name.lower() in _LAYERS:
            yield Refused(f"`{alias.name}` is the name of a layer", "choose another alias", line_of(alias))
    for table in query.find_all(exp.Table):
        select = table.find_ancestor(exp.Select)
        if table.db and not table.alias and select is not None:
            named = [each for each in select.find_all(exp.TableAlias) if each.name.lower() == table.name.lower()]
            if any(each.find_ancestor(exp.Select) is select for each in named):
                what = f"`{table.name}` is the name of {full_name(table)} and an alias beside it"
                yield Refused(what, "choose another alias", line_of(table))


def expression_refusals(text: str, names: Collection[str] = ()) -> Iterator[Refused]:
    """The same for an expression of a check; `names` are further functions that it may call."""
    tokens = _tokens(text)
    yield from text_refusals(text)
    yield from _misread(text, tokens)
    yield from _calls(tokens, frozenset(name.lower() for name in names))
    try:
        nested = statements(f"SELECT {text}")
    except SqlError:
        return  # Spark will say what is wrong with it, or it is none
    for query in nested:
        yield from _forms(query)
        for table in query.find_all(exp.Table):
            yield Refused(f"reads {full_name(table)}", "write a `type: sql` check", line_of(table))


def word_refusals(text: str) -> Iterator[Refused]:
    """The same for a text that is no SQL, as a pattern or a name, and may still come to stand in some."""
    yield from text_refusals(text)
    for found in _HIDDEN_LINE.finditer(text):
        message = "has a comment that ends in a backslash: for Spark the next line belongs to it"
        yield Refused(message, "remove the backslash", _line_at(text, found.start()), "text")
    for found in _REFUSED_CALL.finditer(text):
        name = found["name"].lower()
        yield Refused(f"`{name}` {REFUSED[name]}", "leave it out", _line_at(text, found.start()), "call")


def text_refusals(sql: str) -> Iterator[Refused]:
    """What Spark would do with the text before it reads it as SQL."""
    for found in _VARIABLE.finditer(sql):
        message = "has a variable `${…}`, which Spark fills from its settings and the environment, also in text"
        yield Refused(message, "write the value", _line_at(sql, found.start()), "text")
    for found in _RAW_END.finditer(sql):
        message = "has a raw text that ends in a backslash, which not everybody reads as its end"
        yield Refused(message, "write it without r", _line_at(sql, found.start()), "text")


def _tokens(sql: str) -> list[Token] | TokenError:
    """The words of a text, or why there are none."""
    try:
        return sqlglot.tokenize(sql, dialect=DIALECT)
    except TokenError as error:
        return error


def _misread(sql: str, tokens: list[Token] | TokenError) -> Iterator[Refused]:
    """Where Spark and these checks would disagree on what is a comment, a text, or neither, and which names are one."""
    spans = list(_SPANS.finditer(sql))
    comments = [each for each in spans if each["comment"]]
    unreadable = [each.start() for each in comments if each[0].startswith("/*") and "/*" in each[0][2:]]
    unreadable += [each.start() for each in _UNREADABLE.finditer(_blanked(sql, spans))]
    if not isinstance(tokens, TokenError):  # that is told where calls are looked at
        unreadable += _otherwise(sql, tokens, comments, [each for each in spans if each["text"]])
        unreadable += [each.start for each in tokens if _is_name_elsewhere(sql, each)]
        for token in tokens:
            if not is_text(token) and any(map(_has_another_case, token.text)):
                message = f"has a letter in `{token.text}` that Spark takes for another one, by its capital"
                yield Refused(message, "choose another name", token.line, "text")
    if unreadable:
        message = "has a comment, a quote or a sign that Spark reads in another way than these checks"
        fix = "close it, and write no comment in a comment, no blanks but spaces, tabs and ends of lines"
        yield Refused(message, fix, _line_at(sql, min(unreadable)), "text")


def _otherwise(
    sql: str, tokens: list[Token], comments: Collection[re.Match[str]], texts: Collection[re.Match[str]]
) -> Iterator[int]:
    """Where the parser finds words in these comments, or none beside them, or other texts than these."""
    written = {at for at, sign in enumerate(sql) if not sign.isspace()}
    found = {at for each in tokens for at in range(each.start, each.end + 1) if at in written}
    hidden = {at: each.start() for each in comments for at in range(each.start(), each.end())}
    yield from (hidden.get(at, at) for at in (written - hidden.keys()) ^ found)
    quoted = {at for each in tokens if _is_quoted(sql, each) for at in range(_first_quote(sql, each), each.end + 1)}
    yield from quoted ^ {at for each in texts for at in range(each.start() + (each[0][0] in "rR"), each.end())}


def _blanked(sql: str, spans: Collection[re.Match[str]]) -> str:
    """The text with nothing in these places, at which the rest of it does not move."""
    for each in spans:
        sql = sql[: each.start()] + re.sub(r"[^\r\n]", " ", each[0]) + sql[each.end() :]
    return sql


def _is_name_elsewhere(sql: str, token: Token) -> bool:
    """Whether Spark takes a number for a name (`1e`, `0xab`), or one name for several (`1e.a`)."""
    if token.token_type in _NUMBERS and sql[token.end] not in _QUOTES:
        return _NUMBER.match(sql, token.start) is None
    return token.token_type is TokenType.VAR and "." in token.text


def _has_another_case(letter: str) -> bool:
    """Whether `ı` is `i` to who compares names by their capitals, as Spark does in places, and not by small letters.

    A sigma has two small letters, by its place in a word.
    """
    if letter in _SIGMAS:
        return True
    capital, small = letter.upper(), letter.lower()
    return len(small) > 1 or (len(capital) == 1 and capital.lower() != small)


def _line_at(sql: str, position: int) -> int:
    return sql.count("\n", 0, position) + 1


def _named(query: exp.Expr) -> frozenset[str]:
    """The names that a query makes, which can have a list of columns behind them as a function has arguments."""
    aliases = (alias.name for alias in query.find_all(exp.TableAlias))
    windows = (window.name for select in query.find_all(exp.Select) for window in select.args.get("windows") or ())
    return frozenset(name.lower() for name in (*aliases, *windows) if name)


def _calls(
    tokens: list[Token] | TokenError, named: Collection[str], columns: Collection[str] = ()
) -> Iterator[Refused]:
    """Calls of functions that are not allowed, as the tokens of the text show them."""
    if isinstance(tokens, TokenError):
        yield Refused(f"does not parse: {tokens}", _ONLY_SELECT, about="parse")
        return
    for before, token, after in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        name = token.text.lower()
        is_call = after is not None and after.token_type is TokenType.L_PAREN
        is_part = before is not None and before.token_type is TokenType.DOT
        if token.token_type is TokenType.PIPE_GT:
            yield Refused("uses `|>`", _ONLY_SELECT, token.line)
        elif name == "using" and after is not None and is_text(after):
            yield Refused("hands rows to a script", "write it in SQL, or as a `transform`", token.line)
        elif name in _BARE and not is_call and _is_function(before, token, after) and name not in columns:
            yield Refused(f"`{name}` {REFUSED[name]}", "leave it out", token.line)
        elif is_call and is_word(token):
            yield from _call(name, token, named, is_part=is_part)


def _call(name: str, token: Token, named: Collection[str], *, is_part: bool) -> Iterator[Refused]:
    if name in REFUSED:
        yield Refused(f"`{name}` {REFUSED[name]}", "leave it out", token.line)
    elif is_part:
        fix = "call a function by its bare name"
        yield Refused(f"`{name}` is called as a function of a schema or a catalog", fix, token.line)
    elif name not in ALLOWED and name not in KEYWORDS and name not in HINTS and name not in named:
        fix = "use one of Spark's own, or write a `transform`"
        yield Refused(f"`{name}` is no function that a query may call", fix, token.line)


def _is_function(before: Token | None, token: Token, after: Token | None) -> bool:
    """Whether a bare word may be one that Spark evaluates: neither quoted, nor part of a name, nor an alias."""
    beside = [each.token_type for each in (before, after) if each is not None]
    is_alias = before is not None and before.token_type is TokenType.ALIAS
    return token.token_type is not TokenType.IDENTIFIER and TokenType.DOT not in beside and not is_alias


def _is_quoted(sql: str, token: Token) -> bool:
    return sql[token.end] in _QUOTES and token.end > token.start


def _first_quote(sql: str, token: Token) -> int:
    return token.start + (sql[token.start] not in _QUOTES)


def _forms(query: exp.Expr) -> Iterator[Refused]:
    """Parts of a parsed query that are no part of a SELECT over tables."""
    for node in query.walk():
        if isinstance(node, exp.QueryTransform):
            yield Refused("hands rows to a script (TRANSFORM)", "write it in SQL, or as a `transform`", line_of(node))
        elif isinstance(node, exp.Anonymous) and node.name.lower() in WITH_MESSAGE:
            message = node.expressions[WITH_MESSAGE[node.name.lower()] :]
            if not all(isinstance(each, exp.Literal) for each in message):
                what = f"`{node.name.lower()}` puts what it is given into messages and logs"
                yield Refused(what, "write a check in the contract, or the message as a text", line_of(node))
        elif isinstance(node, exp.Qualify):
            yield Refused("uses QUALIFY, which Spark lacks", "choose the rows in a SELECT around it", line_of(node))
        elif isinstance(node, exp.Window) and isinstance(node.this, exp.Filter):
            what = "has a FILTER before OVER, which Spark lacks"
            yield Refused(what, "write CASE WHEN in the function", line_of(node))
        elif isinstance(node, _FROM_OUTSIDE):
            text = node.sql(DIALECT)
            yield Refused(f"has a parameter `{text}`, which nothing fills", "write the value", line_of(query))
        elif isinstance(node, _NOT_QUERIES) and not isinstance(node, exp.Query):
            yield Refused(f"has a {node.key.upper()} in it", _ONLY_SELECT, line_of(node))


def _table(table: exp.Table, tables: Collection[str], views: Collection[str]) -> Iterator[Refused]:
    if not isinstance(table.this, exp.Identifier) or table.find_ancestor(exp.Hint) is not None:
        return  # a function, which was looked at as a call, or a word of a hint
    name, line = full_name(table), line_of(table)
    if table.args.get("version") or table.args.get("when") or table.args.get("changes"):
        yield Refused(f"reads {name} at another time than its run", "read it as it is", line)
    if not table.db:
        if name not in views and not _is_cte(table, name):
            is_elsewhere = any(cte.alias.lower() == name for cte in table.root().find_all(exp.CTE))
            about: Literal["scope", "input"] = "scope" if is_elsewhere else "input"
            yield Refused(f"reads `{name}`, which is no input and no CTE here", "write layer.table", line, about)
    elif name not in tables:
        layer = name.partition(".")[0]
        what = "no input of its table" if layer in _LAYERS else "no table of the lake: files and catalogs are not read"
        fix = "add it to `inputs` of the load file, or leave it out"
        yield Refused(f"reads {name}, which is {what}", fix, line, "input")


def _is_cte(table: exp.Table, name: str) -> bool:
    """Whether a `WITH` around a table gives this name, in front of where the table stands."""
    node: exp.Expr | None = table
    while node is not None:
        parent = node.parent
        if isinstance(parent, exp.With):
            at = next(number for number, cte in enumerate(parent.expressions) if cte is node)
            before = parent.expressions[: at + 1] if parent.args.get("recursive") else parent.expressions[:at]
            if any(cte.alias.lower() == name for cte in before):
                return True
            node = parent.parent  # the query of this WITH, whose own CTEs were just looked at
        elif parent is not None and parent.args.get("with_") is not None and node is not parent.args["with_"]:
            if any(cte.alias.lower() == name for cte in parent.args["with_"].expressions):
                return True
            node = parent
        else:
            node = parent
    return False
