"""What the first bytes of a CSV file tell: its columns, where its rows begin, its encoding and line ends."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from tidemark.config.csvformat import BYTE_FOR_BYTE, UTF8, UTF16, CsvFormat
from tidemark.sources.landing.compression import disguised
from tidemark.sources.staged import folded, is_own_name

_HEAD_BYTES = 64 * 1024
_LONGEST_HEADER = 16 * 1024 * 1024
_SHOWN = 100
_UTF8_MARK = codecs.BOM_UTF8.decode(BYTE_FOR_BYTE)
_UTF16_MARKS = {codecs.BOM_UTF16_LE: "UTF-16LE", codecs.BOM_UTF16_BE: "UTF-16BE"}


@dataclass(frozen=True)
class Head:
    """The columns of a file by position ("": a last one without a name; None: of no use, for this `reason`).

    `records` counts those up to and with the header, `line` is the header's own line with each byte as a character,
    `marked`: a byte order mark stands before it.
    """

    names: tuple[str, ...] | None
    records: int = 0
    encoding: str = UTF8
    line: str = ""
    line_end: str = "\n"
    marked: bool = False
    reason: str = ""

    @property
    def is_first_line(self) -> bool:
        """Whether the header is the first line of its file, as lines are told where no quote matters."""
        return self.records == 1 and not set("\r\n") & set(self.line)


def read_head(
    first_bytes: Callable[[int], bytes], form: CsvFormat, expected: Collection[str], *, may_show: bool = True
) -> Head:
    """The head of a file, of which `first_bytes` gives as many as there are and are asked for.

    `expected` are the columns that the contract knows: with a header, one of them has to be in it. Without one, they
    are the columns. `may_show`: what stands in the file's first line may be told.
    """
    wanted = _HEAD_BYTES
    while True:
        data = first_bytes(wanted)
        is_all = len(data) < wanted
        encoding = _encoding(data, form)
        try:
            text = _characters(data, encoding, form, is_all=is_all)
        except UnicodeDecodeError:
            return Head(None, encoding=encoding, reason=f"its header is not {form.encoding}{disguised(data)}")
        start = Head((), encoding=encoding, marked=_is_marked(data, encoding))
        head = _first_record(text, start, form, is_all)
        if head is not None and (head.records or is_all):
            break
        if wanted >= _LONGEST_HEADER:
            return Head(None, encoding=encoding, reason="its header has no end")
        wanted *= 16
    if not form.header:
        return replace(head, names=tuple(expected), records=0, line="")
    return _named(head, form, expected, hint=_hint(data), may_show=may_show)


def _encoding(data: bytes, form: CsvFormat) -> str:
    """The encoding by Java's name; which of its two orders UTF-16 has is told by its mark, else by where zeros are."""
    if form.java_encoding != UTF16:
        return form.java_encoding
    marked = _UTF16_MARKS.get(data[:2])
    return marked or ("UTF-16BE" if data[:1] == b"\x00" else "UTF-16LE")


def _is_marked(data: bytes, encoding: str) -> bool:
    return data.startswith(codecs.BOM_UTF8) if encoding == UTF8 else _UTF16_MARKS.get(data[:2]) == encoding


def _characters(data: bytes, encoding: str, form: CsvFormat, *, is_all: bool) -> str:
    """The text behind a mark; byte by byte where line ends and separators can be told so."""
    if form.is_bytewise:
        text = data.decode(BYTE_FOR_BYTE)
        return text.removeprefix(_UTF8_MARK) if encoding == UTF8 else text
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    return decoder.decode(data, final=is_all).removeprefix("\ufeff")


def _first_record(text: str, head: Head, form: CsvFormat, is_all: bool) -> Head | None:
    """The head with its first record that is neither blank nor a comment; None where more has to be read."""
    seen = form.as_bytes if form.is_bytewise else form
    record = re.compile(seen.record)
    position, count = 0, 0
    while match := record.match(text, position):
        if match.end() == len(text) and not is_all:
            return None
        count += 1
        if match[1] and not (seen.comment and match[1].startswith(seen.comment)):
            end = text[match.end(1) : match.end()]
            return replace(head, records=count, line=match[1], line_end="\r" if end == "\r" else "\n")
        position = match.end()
    return head if is_all else None


def _named(head: Head, form: CsvFormat, expected: Collection[str], *, hint: str, may_show: bool) -> Head:
    unusable = replace(head, names=None, records=0)
    try:
        line = head.line.encode(BYTE_FOR_BYTE).decode(form.encoding) if form.is_bytewise else head.line
    except UnicodeDecodeError:
        return replace(unusable, reason=f"its header is not {form.encoding}{hint}")
    if "\x00" in line:
        return replace(unusable, reason=f"its header is not text (or not in the encoding it should be){hint}")
    if not re.search(form.well_formed, line):
        return replace(unusable, reason="its header cannot be read (a quote in it is not closed, or goes on behind it)")
    names = [name.strip() for name in form.values(line)]
    if not any(names):
        return replace(unusable, reason="it has no header")
    named = len(names)
    while not names[named - 1]:
        named -= 1
    names = [name or f"_c{position}" if position < named else "" for position, name in enumerate(names)]
    known = [folded(name) for name in names if name]
    twice = sorted({name for name in known if known.count(name) > 1})
    if twice:
        return replace(unusable, reason=f"two columns of its header are called {twice[0]}")
    own = [name for name in names if is_own_name(name)]
    if own:
        return replace(unusable, reason=f"a column of its header has a name of the engine's own ({own[0]}): rename it")
    if expected and not set(map(folded, expected)) & set(known):
        shown = f": it begins with `{line[:_SHOWN]}`" if may_show else ""
        advice = "files without a header are read with `options: {header: false}`"
        return replace(unusable, reason=f"its header is missing, or has no column of the contract{shown} ({advice})")
    return replace(head, names=tuple(names))


def _hint(data: bytes) -> str:
    if data[:2] in _UTF16_MARKS:
        return " (it begins like UTF-16, which `options: {encoding: UTF-16}` reads)"
    return disguised(data)
