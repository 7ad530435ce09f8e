"""The small faults that a piece of Python can have, each as a change of its text."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARED: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.Lt: ast.LtE(),
    ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(),
    ast.GtE: ast.Gt(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
}
_COMPUTED: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Div(),
    ast.Div: ast.Mult(),
    ast.BitAnd: ast.BitOr(),
    ast.BitOr: ast.BitAnd(),
}
_METHODS = {
    "isNull": "isNotNull",
    "isNotNull": "isNull",
    "min": "max",
    "max": "min",
    "greatest": "least",
    "least": "greatest",
    "any": "all",
    "all": "any",
    "asc_nulls_first": "asc_nulls_last",
    "asc_nulls_last": "asc_nulls_first",
    "desc_nulls_first": "desc_nulls_last",
    "desc_nulls_last": "desc_nulls_first",
    "union": "intersection",
    "issubset": "issuperset",
    "startswith": "endswith",
    "first": "last",
    "last": "first",
}
_WORDS = {
    "left": "inner",
    "inner": "left",
    "left_anti": "left_semi",
    "left_semi": "left_anti",
    "full_outer": "inner",
    "insert": "delete",
    "delete": "insert",
}
_NOT_LOOKED_INTO = (ast.Raise, ast.Import, ast.ImportFrom, ast.Assert, ast.Global)
_TOLD = ("log", "logger", "logging", "typer")


@dataclass(frozen=True)
class Mutant:
    """One fault: the bytes `start` to `end` of a file become `after`. `name` is the same as long as the place is."""

    line: int
    start: int
    end: int
    before: str
    after: str
    name: str

    def put_into(self, source: str) -> str:
        """The file's text with the fault."""
        data = source.encode()
        return (data[: self.start] + self.after.encode() + data[self.end :]).decode()


def mutants(source: str) -> tuple[Mutant, ...]:
    """Every fault that is tried of a file, in the order of its lines."""
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    return tuple(sorted(finder.found, key=lambda each: (each.start, each.end, each.after)))


class _Finder(ast.NodeVisitor):
    """Walks through a file; what only people read (messages, docstrings, types) is left alone."""

    def __init__(self, source: str) -> None:
        self._data = source.encode()
        self._lines = [0]
        for line in self._data.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._within: list[str] = []
        self.found: list[Mutant] = []

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, _NOT_LOOKED_INTO) or _is_for_types(node) or _is_told(node):
            return
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            self._within.append(node.name)
            self._mutate_inside(node)
            self._within.pop()
            return
        for before, after in self._replaced(node):
            self._add(before, after)
        self._mutate_inside(node)

    def _mutate_inside(self, node: ast.AST) -> None:
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "type_params", "bases"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self.visit(child)

    def _replaced(self, node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
        match node:
            case ast.Compare(ops=[operator], left=left, comparators=[right]) if type(operator) in _COMPARED:
                yield node, _text(ast.Compare(left, [_COMPARED[type(operator)]], [right]))
            case ast.BoolOp(op=operator, values=values):
                other = ast.Or() if isinstance(operator, ast.And) else ast.And()
                yield node, _text(ast.BoolOp(other, values))
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                yield node, _text(operand)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _COMPUTED:
                yield node, _text(ast.BinOp(left, _COMPUTED[type(operator)], right))
            case ast.Constant(value=bool() as value):
                yield node, str(not value)
            case ast.Constant(value=int() as value):
                yield node, str(value + 1)
            case ast.Constant(value=str() as value) if value in _WORDS:
                yield node, repr(_WORDS[value])
            case ast.Call(func=ast.Attribute(value=owner, attr=name) as function) if name in _METHODS:
                yield function, f"{_text(owner)}.{_METHODS[name]}"
            case ast.Call(func=ast.Name(id=name) as function) if name in _METHODS:
                yield function, _METHODS[name]
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if not _changes_anyway(test):
                yield test, f"(not {_text(test)})"
            case ast.Expr(value=ast.Call()):
                yield node, "pass"
            case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
                yield value, "None"
            case ast.comprehension(ifs=conditions):
                yield from ((condition, "True") for condition in conditions)
            case _:
                return

    def _add(self, node: ast.expr | ast.stmt, after: str) -> None:
        start = self._lines[node.lineno - 1] + node.col_offset
        end = self._lines[node.end_lineno - 1] + node.end_col_offset
        before = self._data[start:end].decode()
        digest = hashlib.sha256(f"{before}→{after}".encode()).hexdigest()[:8]
        same = sum(each.name.rpartition("#")[0] == f"{self._place}:{digest}" for each in self.found)
        name = f"{self._place}:{digest}#{same}"
        self.found.append(Mutant(node.lineno, start, end, before, after, name))

    @property
    def _place(self) -> str:
        return ".".join(self._within) or "module"


def _text(node: ast.AST) -> str:
    return f"({ast.unparse(node)})"


def _changes_anyway(test: ast.expr) -> bool:
    """Whether a condition has a fault of its own that turns it around."""
    return isinstance(test, ast.Compare | ast.BoolOp) or (
        isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    )


def _is_for_types(node: ast.AST) -> bool:
    """What only a type checker reads, and classes of which a value may be."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Name) and called.id in ("isinstance", "cast", "TypeVar", "issubclass")


def _is_told(node: ast.AST) -> bool:
    """A line for a log."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    function = node.value.func
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id in _TOLD
