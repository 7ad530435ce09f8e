"""How the CSV files of a source are written, as a load file's `options` say it, in Spark's words.

The grammar is one regular expression, which Java and Python read alike: a record is values between separators, up to a
line end (CR, LF or both) outside quotes. An escape counts inside quotes only. The expression fits every text, so that
nothing of a file can fall between two records; whether a record is well formed is another question (`WELL_FORMED`).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidemark.errors import choose

UTF8 = "UTF-8"
UTF16 = "UTF-16"
BYTE_FOR_BYTE = "ISO-8859-1"
"""The encoding that has one character for every byte, so that bytes can be looked at as text, and come back."""

# By Python's name: Java's, of encodings that every Java on Linux has.
_JAVA_NAMES = {
    "utf-8": UTF8,
    "utf-8-sig": UTF8,
    "utf-16": UTF16,
    "utf-16-le": "UTF-16LE",
    "utf-16-be": "UTF-16BE",
    "ascii": "US-ASCII",
    "iso8859-1": BYTE_FOR_BYTE,
    **{f"iso8859-{part}": f"ISO-8859-{part}" for part in (2, 4, 5, 7, 9, 13, 15)},
    **{f"cp{page}": f"windows-{page}" for page in (1250, 1251, 1252, 1253, 1254, 1257)},
    **{f"cp{page}": f"IBM{page}" for page in (437, 850, 852, 866)},
    "koi8-r": "KOI8-R",
    "shift_jis": "Shift_JIS",
    "euc_jp": "EUC-JP",
    "euc_kr": "EUC-KR",
    "gbk": "GBK",
    "gb18030": "GB18030",
    "big5": "Big5",
}
_OF_MANY_BYTES = ("utf-16", "utf-16-le", "utf-16-be", "shift_jis", "euc_jp", "euc_kr", "gbk", "gb18030", "big5")
_OPTIONS = {
    "header": "header",
    "sep": "separator",
    "quote": "quote",
    "escape": "escape",
    "encoding": "encoding",
    "multiLine": "multi_line",
    "comment": "comment",
    "null_values": "null_values",
}
_LINE_END = r"(?:\r\n|\r|\n|(?![\s\S]))"


@dataclass(frozen=True)
class CsvFormat:
    """How the files are written.

    `header`: the first record names the columns, else they are the contract's, in its order. `quote` "": values are
    never quoted. `multi_line`: quoted values may hold line breaks. A value that is one of `null_values` is null.
    """

    separator: str = ","
    quote: str = '"'
    escape: str = '"'
    encoding: str = UTF8
    multi_line: bool = True
    header: bool = True
    comment: str = ""
    null_values: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> CsvFormat:
        """The format that `options` say; raises `ValueError` with what is wrong and what would be right."""
        for name in options:
            if name not in _OPTIONS:
                advice = "`null_values: […]`" if name == "nullValue" else choose(name, _OPTIONS)
                raise ValueError(f"CSV files have no option `{name}`: {advice}")
        given = {_OPTIONS[name]: value for name, value in options.items()}
        for name in ("header", "multiLine"):
            if options.get(name, True) not in (True, False):
                raise ValueError(f"the CSV option `{name}` is {options[name]!r}: write true or false")
        for name in ("sep", "quote", "escape", "comment"):
            if name in options:
                given[_OPTIONS[name]] = _character(name, options[name])
        if "escape" not in options and given.get("quote"):
            given["escape"] = given["quote"]
        given["null_values"] = _texts(options.get("null_values", ()))
        given["encoding"] = _encoding(options.get("encoding", UTF8))
        return cls(**given)._consistent()

    def _consistent(self) -> CsvFormat:
        if not self.separator:
            raise ValueError("the CSV option `sep` is empty: write the character between values")
        if self.quote and not self.escape:
            raise ValueError('the CSV option `escape` is empty: leave it out where quotes are doubled ("")')
        special = [self.separator, self.quote, self.comment]
        if len({each for each in special if each}) < len([each for each in special if each]):
            raise ValueError("two of the CSV options `sep`, `quote` and `comment` are the same character")
        if self.escape in (self.separator, self.comment):
            raise ValueError("the CSV option `escape` is the same character as `sep` or `comment`")
        return self

    @property
    def java_encoding(self) -> str:
        """The encoding by Java's name."""
        return _JAVA_NAMES[codecs.lookup(self.encoding).name]

    @property
    def is_bytewise(self) -> bool:
        """Whether bytes can be told apart as line ends, separators and quotes before they are decoded."""
        name = codecs.lookup(self.encoding).name
        if name.startswith("utf-8"):
            return all(each.isascii() for each in self._special)
        return name not in _OF_MANY_BYTES

    @property
    def as_bytes(self) -> CsvFormat:
        """The format of the same files where each byte is looked at as one character."""
        if all(each.isascii() for each in self._special):
            return self
        return CsvFormat(
            separator=self._byte(self.separator),
            quote=self._byte(self.quote),
            escape=self._byte(self.escape),
            comment=self._byte(self.comment),
        )

    def _byte(self, character: str) -> str:
        return character.encode(self.encoding).decode(BYTE_FOR_BYTE)

    @property
    def _special(self) -> tuple[str, ...]:
        return (self.separator, self.quote, self.escape, self.comment)

    @property
    def record(self) -> str:
        """One record, in group 1, and its line end, from where the one before it ended."""
        content = self._content(r"[^S\r\n]*+", r"[^QS\r\n][^S\r\n]*+")
        return rf"(?=[\s\S])({content}){_LINE_END}"

    @property
    def well_formed(self) -> str:
        """A whole record in which every quote that opens a value closes it, and nothing stands behind it."""
        content = self._content("", r"[^QS][^S]*+", closed=True)
        return rf"^{content}(?![\s\S])"

    @property
    def left_open(self) -> str:
        """A whole line that starts outside quotes and ends inside."""
        values = rf"(?:(?:{self._quoted}[^S]*+|[^QS][^S]*+)?+S)*+"
        return self._spelled(rf"^{values}Q{self._body}(?![\s\S])")

    def values(self, record: str) -> tuple[str, ...]:
        """The values of a well-formed record."""
        quoted = rf"Q({self._body})Q|" if self.quote else ""
        value = re.compile(self._spelled(rf"(?:{quoted}([^S]*+))(S|(?![\s\S]))"))
        found = []
        position, goes_on = 0, True
        while goes_on:
            match = value.match(record, position)
            if match is None:
                raise ValueError("the record is not well formed")
            *inside, bare, separator = match.groups()
            found.append(bare if bare is not None else self._unescaped(inside[0]))
            position, goes_on = match.end(), bool(separator)
        return tuple(found)

    def _unescaped(self, inside: str) -> str:
        return re.sub(self._spelled("E([QE])"), r"\1", inside)

    @property
    def _body(self) -> str:
        return r"(?:[^Q]++|QQ)*+" if self.escape == self.quote else r"(?:[^QE]++|E[\s\S]?+)*+"

    @property
    def _quoted(self) -> str:
        return f"Q{self._body}Q"

    def _content(self, behind: str, bare: str, *, closed: bool = False) -> str:
        """Values between separators; `behind` a closing quote, and in a value without quotes (`bare`), may stand more.

        A quote that nothing closes takes the rest, unless they have to be `closed`.
        """
        if not self.quote or not (self.multi_line or closed):
            value = r"[^S]*+" if closed else r"[^S\r\n]*+"
        else:
            quoted = f"{self._quoted}{behind}" if closed else f"Q{self._body}(?:Q{behind})?+"
            value = f"(?:{quoted}|{bare})?+"
        record = f"{value}(?:S{value})*+"
        return self._spelled(rf"C[^\r\n]*+|{record}" if self.comment and not closed else record)

    def _spelled(self, pattern: str) -> str:
        """The pattern with each special character in its place."""
        for letter, character in (("S", self.separator), ("Q", self.quote), ("E", self.escape), ("C", self.comment)):
            if character:
                pattern = _replaced(pattern, letter, f"\\u{ord(character):04x}")
        return pattern


def _replaced(pattern: str, letter: str, spelled: str) -> str:
    r"""`letter` replaced where it is not part of an escape such as `\S`."""
    parts = pattern.split(rf"\{letter}")
    return rf"\{letter}".join(part.replace(letter, spelled) for part in parts)


def _character(name: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    text = "\t" if value == "\\t" else str(value)
    if len(text) != 1 or text in "\r\n\x00" or ord(text) > 0xFFFF:
        advice = "have the files written with one that is" if name == "sep" else "write the one character that it is"
        raise ValueError(f"the CSV option `{name}` is {text!r}, not one character: {advice}")
    return text


def _texts(values: Any) -> tuple[str, ...]:
    if isinstance(values, str) or not all(isinstance(each, str) for each in values):
        raise ValueError("the CSV option `null_values` is a list of texts: null_values: [N/A, '-']")
    return tuple(values)


def _encoding(name: Any) -> str:
    try:
        known = codecs.lookup(str(name)).name in _JAVA_NAMES
    except LookupError:
        known = False
    if not known:
        raise ValueError(f"there is no encoding `{name}`: {choose(str(name), _JAVA_NAMES.values())}")
    return str(name)
