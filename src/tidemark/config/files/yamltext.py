"""YAML with line numbers: one document a file, YAML 1.2 scalars, duplicate keys reported, `${VAR:-x}` filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tidemark.errors import ConfigError, Finding

Where = tuple[str | int, ...]
"""The way from the top of a document to a value: mapping keys and list positions."""

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}\n]*))?\}")

_STANDARD_TAG = "tag:yaml.org,2002:"
_COLLECTION_TAGS = {"map", "seq", "str", "bool", "int", "float", "null", "timestamp", "merge", "value"}
_NULL = re.compile(r"(~|null|Null|NULL|)")
_BOOLEAN = re.compile(r"(true|True|TRUE|false|False|FALSE)")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# Private-use characters stand in for a variable while YAML is parsed: its value can then hold any character.
_OPEN, _CLOSE = "\ue000", "\ue001"
_STANDIN = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")


@dataclass(frozen=True)
class Document:
    """A parsed file: plain Python values in `data`, and where in the file each of them stands."""

    path: Path
    data: Any
    lines: Mapping[Where, int]
    texts: Mapping[Where, str]
    problems: tuple[Finding, ...] = ()

    def line(self, where: Where) -> int:
        """The line (from 1) of a value, or of the nearest thing around it that stands in the file."""
        for end in range(len(where), -1, -1):
            if where[:end] in self.lines:
                return self.lines[where[:end]]
        return 1

    def text(self, where: Where) -> str | None:
        """A scalar as it is written, so that a number keeps every digit; None where there is no scalar."""
        return self.texts.get(where)

    def finding(self, where: Where, message: str, fix: str, severity: str = "error") -> Finding:
        """A finding about the value at `where`."""
        return Finding(self.path, self.line(where), message, fix, severity)


def parse(path: Path, variables: Mapping[str, str] | None = None) -> Document:
    """Reads a YAML file; `variables` fill `${NAME}` and `${NAME:-default}`, which stay as written when it is None.

    Raises `ConfigError` when the file is not there, is not UTF-8 or is not YAML. What is wrong inside of well-formed
    YAML (a key twice, a variable without a value) is in `Document.problems`.
    """
    text = read_text(path)
    reader = _Reader(path, variables)
    try:
        node = yaml.compose(reader.hide_variables(text), Loader=_loader())
    except yaml.YAMLError as error:
        raise _not_yaml(path, error) from error
    data = None if node is None else reader.value(node, ())
    return Document(path, data, reader.lines, reader.texts, tuple(reader.problems))


def read_text(path: Path) -> str:
    """The text of a configuration file; raises `ConfigError` when it cannot be read or is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        found = Finding(path, line, f"is not UTF-8 (byte {error.object[error.start]:#04x})", "save the file as UTF-8")
        raise ConfigError(f"{path.name} cannot be read", findings=[found]) from error
    except OSError as error:
        found = Finding(path, 1, f"cannot be read: {error.strerror}", "check the path and its permissions")
        raise ConfigError(f"{path.name} cannot be read", findings=[found]) from error


def expand(text: str, variables: Mapping[str, str]) -> tuple[str, list[str]]:
    """`text` with its variables filled in, and the names of those that have neither a value nor a default."""
    missing: list[str] = []

    def fill(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        value = variables.get(name, "")
        if value == "" and default is not None:
            return default
        if name not in variables:
            missing.append(name)
        return value

    return VARIABLE.sub(fill, text), missing


def _loader() -> type[Any]:
    loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return loader


def _not_yaml(path: Path, error: yaml.YAMLError) -> ConfigError:
    mark = getattr(error, "problem_mark", None)
    line = 1 if mark is None else mark.line + 1
    problem = getattr(error, "problem", None) or str(error)
    fix = "check indentation, colons and quotes on this line and the one above"
    return ConfigError(f"{path.name} is not YAML", findings=[Finding(path, line, f"is not YAML: {problem}", fix)])


class _Reader:
    """Turns YAML nodes into Python values and notes where each one stands."""

    def __init__(self, path: Path, variables: Mapping[str, str] | None) -> None:
        self.lines: dict[Where, int] = {}
        self.texts: dict[Where, str] = {}
        self.problems: list[Finding] = []
        self._path = path
        self._variables = variables
        self._hidden: list[str] = []
        self._open: set[int] = set()

    def hide_variables(self, text: str) -> str:
        def hide(match: re.Match[str]) -> str:
            self._hidden.append(match[0])
            return f"{_OPEN}{len(self._hidden) - 1}{_CLOSE}"

        return VARIABLE.sub(hide, text)

    def value(self, node: yaml.Node, where: Where) -> Any:
        self.lines.setdefault(where, node.start_mark.line + 1)
        if not self._is_plain_data(node):
            self._report(node, f"tag {node.tag} is not allowed", "write the plain value")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, where)
        if id(node) in self._open:
            self._report(node, "an anchor holds itself", "write the value out instead of the alias")
            return None
        self._open.add(id(node))
        try:
            return self._mapping(node, where) if isinstance(node, yaml.MappingNode) else self._sequence(node, where)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, where: Where) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._report(key_node, "a key must be a single word", "quote values that hold `{`, `[` or `?`")
                continue
            key = self._filled(key_node)
            if key in values:
                first = self.lines[(*where, key)]
                self._report(key_node, f"key `{key}` is here twice (first on line {first})", "remove one of them")
                continue
            self.lines[(*where, key)] = key_node.start_mark.line + 1
            values[key] = self.value(value_node, (*where, key))
        return values

    def _sequence(self, node: yaml.Node, where: Where) -> list[Any]:
        return [self.value(item, (*where, position)) for position, item in enumerate(node.value)]

    def _scalar(self, node: yaml.ScalarNode, where: Where) -> Any:
        text = self._filled(node)
        self.texts[where] = text
        return text if node.style else _plain_scalar(text)

    def _filled(self, node: yaml.ScalarNode) -> str:
        shown: str = _STANDIN.sub(self._written, node.value)
        if self._variables is None:
            return shown
        filled, missing = expand(shown, self._variables)
        for name in missing:
            fix = f"set {name}, or write a default: ${{{name}:-value}}"
            self._report(node, f"variable {name} is not set", fix)
        return filled

    def _written(self, stand_in: re.Match[str]) -> str:
        position = int(stand_in[1])
        return self._hidden[position] if position < len(self._hidden) else stand_in[0]

    def _is_plain_data(self, node: yaml.Node) -> bool:
        tag: str = node.tag
        return tag.startswith(_STANDARD_TAG) and tag.removeprefix(_STANDARD_TAG) in _COLLECTION_TAGS

    def _report(self, node: yaml.Node, message: str, fix: str) -> None:
        self.problems.append(Finding(self._path, node.start_mark.line + 1, message, fix))


def _plain_scalar(text: str) -> Any:
    """An unquoted scalar by YAML 1.2: `on`, `no` and `2025-03-01` are words, only `true` and `false` are booleans."""
    if _NULL.fullmatch(text):
        return None
    if _BOOLEAN.fullmatch(text):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(
            text.replace(".inf", "inf").replace(".Inf", "inf").replace(".INF", "inf").lower().replace(".nan", "nan")
        )
    return text


@dataclass
class Report:
    """Collects what is wrong in one document, in the order in which it is found."""

    document: Document
    findings: list[Finding]

    def error(self, where: Where, message: str, fix: str) -> None:
        """Something that must be corrected before the table can be used."""
        self.findings.append(self.document.finding(where, message, fix))

    def error_on_line(self, line: int, message: str, fix: str) -> None:
        """The same, where only the line is known."""
        self.findings.append(Finding(self.document.path, line, message, fix))
