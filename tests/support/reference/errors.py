"""The page of errors, made of the places in the code that raise them: message, exit code, and what comes next."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from tidemark import errors

ROOT = Path(__file__).parents[3]
FOLDERS = ("src/tidemark", "blocks", "tasks", "flows", "cli")
ANY = "…"
_NEXT = {"choose": f"did you mean {ANY}? Else it lists what there is"}
_INTERNAL = ("ChangesGoneError", "LostError", "UnreachableError", "RefusedError", "_AbsentError", "_UnknownNameError")
"""Those that the engine catches itself: nobody reads them."""
_CHOSEN = {"kind": "SourceError"}
"""Variables that hold the class of an error which is raised."""
_AREAS = {
    "aws": "AWS and secrets",
    "backfill": "Backfills",
    "config": "Configuration",
    "lint": "Configuration",
    "cli": "The command line",
    "sketch": "tidemark init",
    "sources": "Sources",
    "rows": "Rows and columns",
    "compute": "Queries and gates",
    "compile": "Queries and gates",
    "sql": "Queries and gates",
    "delta": "Tables and commits",
    "write": "Tables and commits",
    "books": "Tables and commits",
    "steps": "Tables and commits",
    "operations": "Recovery, restore, erasure",
    "errorlane": "The error lane",
    "plans": "Plans",
    "control": "Control store, leases, releases",
    "publishing": "Warehouses",
    "targets": "Warehouses",
    "warehouses": "Warehouses",
    "serving": "Reading the lake",
    "catalog": "Catalog and contracts",
    "revisions": "Catalog and contracts",
    "observe": "Logs, metrics, alerts",
    "spark": "Spark and Java",
    "blocks": "Prefect and where flow runs run",
    "flows": "Flows",
    "tasks": "Flows",
}


class Raised(NamedTuple):
    """One place that makes an error; `…` stands for what differs. `next_step` is "" where the place does not say it."""

    area: str
    kind: str
    message: str
    next_step: str


@cache
def nodes() -> Mapping[Path, list[ast.AST]]:
    """All that the code is made of, by file."""
    files = (file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py")))
    return {file: list(ast.walk(ast.parse(file.read_text("utf-8")))) for file in files}


def every() -> list[Raised]:
    """Every error of the code that says something of its own, once, by area and message."""
    found = {each for file in nodes() for each in _raised(file)}
    order = list(dict.fromkeys(_AREAS.values()))
    return sorted(found, key=lambda each: (order.index(each.area), each.message.lstrip(f"{ANY}`: ").lower(), each))


def page() -> str:
    """The page in Markdown."""
    lines = [
        "# Errors",
        "",
        "This page is made of the code: `python -m tests.support.reference`.",
        "",
        f"`{ANY}` is what differs: a name, a number, what another system said. An error also names its table and",
        "step, what was seen and where the evidence lies. [Troubleshooting](../troubleshooting.md) has more on the",
        "usual ones.",
    ]
    for area, group in groupby(every(), lambda each: each.area):
        lines += ["", f"## {area}", "", "| message | exit code | next |", "|---|---|---|"]
        lines += [f"| {_code(each.message)} | {_exit_code(each.kind)} | {_cell(each.next_step)} |" for each in group]
    return "\n".join(lines) + "\n"


def _exit_code(kind: str) -> int | None:
    """That of the first of the error and what it is made of that `tidemark.errors` knows; None: it is none of ours."""
    while kind in _bases() and not hasattr(errors, kind):
        kind = _bases()[kind]
    known = getattr(errors, kind, None)
    return int(known.exit_code) if known else None


@cache
def _bases() -> Mapping[str, str]:
    """What each error of the code is a kind of."""
    classes = (node for those in nodes().values() for node in those if isinstance(node, ast.ClassDef))
    return {each.name: ast.unparse(each.bases[0]) for each in classes if each.bases}


def _code(text: str) -> str:
    told = " ".join(text.split()).replace("|", "\\|")
    return f"`` {told} ``" if "`" in told else f"`{told}`"


def _cell(text: str) -> str:
    told = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")
    return told.replace("[", "\\[").replace("{", "&#123;").replace("`", "")


def _raised(file: Path) -> Iterator[Raised]:
    place = file.relative_to(ROOT).parts
    area = _AREAS.get(place[2].removesuffix(".py") if place[0] == "src" else place[0])
    if area is None:
        return
    for node in nodes()[file]:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
            continue
        kind = _CHOSEN.get(node.func.id, node.func.id)
        if not kind.endswith("Error") or kind in _INTERNAL or _exit_code(kind) is None:
            continue
        message, said = text_of(node.args[0]), [word.value for word in node.keywords if word.arg == "next_step"]
        if len(message.replace(ANY, "").strip(" :;,.`'()")) >= 8:
            yield Raised(area, kind, message, _short(said[0], file) if said else "")


def _short(said: ast.expr, file: Path) -> str:
    """What an error says comes next, where its place says it: in words, or by a constant of the module."""
    told = _constants(file).get(said.id, ANY) if isinstance(said, ast.Name) else text_of(said)
    return "" if told == ANY else told


@cache
def _constants(file: Path) -> Mapping[str, str]:
    assigned = (node for node in nodes()[file] if isinstance(node, ast.Assign))
    named = {ast.unparse(each.targets[0]): text_of(each.value) for each in assigned}
    return {name: text for name, text in named.items() if name.isupper()}


def text_of(node: ast.AST) -> str:
    """The text that an expression makes, `…` for what the code does not say there."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(text_of(part) for part in parts)
        case ast.FormattedValue(value=ast.IfExp() as choice):
            return text_of(choice)
        case ast.IfExp(body=body, orelse=other):
            told = [text for text in (text_of(body), text_of(other)) if text != ANY]
            return told[0] if len(told) == 1 else ANY
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            return text_of(left) + text_of(right)
        case ast.Call(func=ast.Name(id=name)) | ast.FormattedValue(value=ast.Call(func=ast.Name(id=name))):
            return _NEXT.get(name, ANY)
        case _:
            return ANY
