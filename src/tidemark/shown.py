"""Text as data: how names, values, file names and messages of the world are written on each surface that people see.

One function a surface. What comes from a source can hold anything: sequences that a terminal obeys, marks that turn the
direction of reading, markup, formulas, the end of a line. Here it becomes text that shows what it is.

Not here: HTML, which the catalog's templates escape, and identifiers of SQL (`compile.ddl`, `rows`).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and marks that nobody sees: fillers, joiners, blanks that are no blanks, selectors beyond those of emoji.
_FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
)
_WHITESPACE = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

_MARKUP = re.compile(
    r"([\\`*{}\[\]<>|&~$])"  # means something wherever it stands
    r"|((?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))"  # inside a word it does not
    r"|((?<=\w):(?=//)|(?<=www)\.|@)",  # an address becomes a link by itself
    re.IGNORECASE,
)
_AT_THE_START = re.compile(r"\A(?:(#|[+-](?=\s|\Z)|[-=](?=[-=\s]*\Z))|(\d{1,9})([.)])(?=\s|\Z))")
_RUNS = re.compile(r"`+")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.]+")
_IN_MERMAID = re.compile(r"[^\w .,:()=+-]")
_SLACK = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_SCHEMES = frozenset(
    {"", "http", "https", "file", "s3", "s3a", "gs", "hdfs", "viewfs", "abfs", "abfss", "wasbs", "dbfs"}
)
_LONGEST_DIMENSION = 1024


class Markdown(str):
    """A text that is Markdown already, and means what it says."""

    __slots__ = ()


def visible(text: str) -> str:
    """The text over its lines, in which whatever a reader would not see, or a terminal obey, is spelled out."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    return "".join(each if each == "\n" or not _is_unseen(each) else _spelled(each) for each in text)


def line(text: object) -> str:
    """The text on one line, with nothing in it that a terminal would obey: for terminals and all that has lines."""
    found = str(text)
    if found.isascii() and found.isprintable():
        return found
    return "".join(_spelled(each) if _is_unseen(each) else each for each in found)


def log_line(message: str) -> str:
    """A message of the log: one record, one line. What was meant as lines stays readable."""
    return " ⏎ ".join(line(each) for each in message.splitlines()) if "\n" in message else line(message)


def traceback(text: str) -> str:
    """A stack trace, each line of it indented: nothing in it looks like a record of the log."""
    return "\n".join(f"  {each}" for each in visible(text).split("\n"))


def markdown(text: object) -> str:
    """The text on one line of Markdown, where it means nothing but itself; `Markdown` stays as it is."""
    if isinstance(text, Markdown):
        return text
    escaped = _MARKUP.sub(r"\\\g<0>", line(text).strip())
    return _AT_THE_START.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", escaped)


def prose(text: str) -> str:
    """What people wrote over several lines, on one."""
    return line(" ".join(text.split()))


def code(text: object) -> Markdown:
    """The text as code inside a line of Markdown."""
    found = line(text)
    fence = "`" * (_longest_run(found) + 1)
    padded = f" {found} " if "`" in found or found != found.strip(" ") else found
    return Markdown(f"{fence}{padded}{fence}" if found else "")


def code_in_cell(text: object) -> Markdown:
    """The text as code inside a cell of a Markdown table, whose borders come before code."""
    return Markdown(code(text).replace("|", "\\|"))


def code_block(text: str, language: str = "text") -> Markdown:
    """The text as a block of code in Markdown, which nothing in it ends."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return Markdown(f"{fence}{language}\n{visible(text)}\n{fence}")


def link_address(address: str) -> str:
    """An address for the brackets of a Markdown link: nothing in it ends them, and no script is one."""
    safe = "".join(each if each.isascii() and each.isprintable() and each not in " ()<>\"'`\\|[]" else _quoted(each)
                   for each in address)  # fmt: skip
    scheme = safe.partition(":")[0].lower() if ":" in safe else ""
    return safe if scheme in _SCHEMES else f"./{safe}"


def mermaid(text: object) -> str:
    """The text as a label of a Mermaid chart; plain names stay as they are."""
    found = line(text)
    if _PLAIN_NAME.fullmatch(found):
        return found
    return '"' + _IN_MERMAID.sub(lambda each: f"#{ord(each[0])};", found) + '"'


def mermaid_id(name: str) -> str:
    """What a node of a Mermaid chart is called inside: its name, or where that would mean something, a digest of it."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return name if _PLAIN_NAME.fullmatch(name) else f"n{digest[:16]}"


def slack(text: str) -> str:
    """The text for Slack: no link, no mention and no channel is called by it."""
    return visible(text).translate(_SLACK)


def header(text: str, longest: int) -> str:
    """The text for the header of a mail or the subject of a notification: one line, at most so long."""
    return prose(text)[:longest]


def ascii_header(text: str, longest: int) -> str:
    """As `header`, where only ASCII is taken."""
    return header(text, longest).encode("ascii", "backslashreplace").decode()[:longest]


def dimension(text: str) -> str:
    """The value of a metric's dimension: ASCII, one line, never empty."""
    return ascii_header(text, _LONGEST_DIMENSION) or "-"


def comment(text: str, longest: int) -> str:
    """Prose for the comment of a table or column in a catalog of others, Glue's say: one line, at most so long."""
    told = prose(text)
    return told if len(told) <= longest else f"{told[: longest - 1]}…"


def yaml_comment(text: str) -> str:
    """The text as a comment of YAML: one line, so that nothing in it is a key."""
    return f"# {prose(text)}"


def sql_text(text: str) -> str:
    """Prose for a literal of SQL, a comment say: on one line. Whoever writes the literal puts it in quotes."""
    return prose(text)


def json_line(value: Any) -> str:
    """A value as one line of JSON that every reader takes: what is not seen is escaped, and no number is NaN."""
    found = json.dumps(_told(value), ensure_ascii=False, default=str, allow_nan=False)
    return found if found.isascii() and found.isprintable() else "".join(map(_json_character, found))


def json_text(value: Any) -> str:
    """As `json_line`, over several lines for people."""
    found = json.dumps(_told(value), ensure_ascii=False, default=str, allow_nan=False, indent=1)
    return "\n".join("".join(map(_json_character, each)) for each in found.split("\n"))


def _told(value: Any) -> Any:
    """The value without numbers that JSON does not have."""
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case Mapping():
            return {name if isinstance(name, str) else str(name): _told(each) for name, each in value.items()}
        case list() | tuple():
            return [_told(each) for each in value]
        case _:
            return value


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN or _FILLERS.match(character) is not None


def _spelled(character: str) -> str:
    return _WHITESPACE.get(character) or character.encode("unicode_escape").decode()


def _json_character(character: str) -> str:
    if not _is_unseen(character):
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def _quoted(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _longest_run(text: str) -> int:
    return max(map(len, _RUNS.findall(text)), default=0)
