"""Spark's plans as it writes them in JSON: a list of nodes from the top down, each with the number of its children."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Node = Mapping[str, Any]
Expression = Sequence[Node]
"""An expression, or a plan, as its nodes from the top down."""
_NO_CHILDREN = ("num-children", "mutableAggBufferOffset", "inputAggBufferOffset")
_SPARKS_OWN = "org.apache.spark.sql.catalyst."


@dataclass(frozen=True)
class Operator:
    """An operator of a plan, with those that it reads."""

    node: Node
    children: tuple[Operator, ...]

    @property
    def kind(self) -> str:
        return kind(self.node)

    def expressions(self, name: str) -> list[Expression]:
        """The expressions that the operator has under this name; raises `ValueError` where there is something else."""
        found = self.node.get(name)
        if not isinstance(found, list) or not all(map(is_tree, found)):
            raise ValueError(f"{self.kind} has no expressions under {name}")
        return found


def kind(node: Node) -> str:
    """The class of a node without its package; with it, where it is none of Spark's own."""
    name = str(node["class"]).removesuffix("$")
    return name.rpartition(".")[2] if name.startswith(_SPARKS_OWN) else name


def is_tree(value: object) -> bool:
    """Whether a field of a node is an expression or a plan of its own."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and "class" in value[0]


def operator(plan: Sequence[Node]) -> Operator:
    """The topmost operator of a plan."""
    waiting: list[Operator] = []
    for node in reversed(plan):
        children = tuple(waiting.pop() for _ in range(node["num-children"]))
        waiting.append(Operator(node, children))
    return waiting[0]


def number(expression: Expression) -> int | None:
    """By what number an operator above names the column that an expression makes; None where it has no name."""
    node = expression[0]
    if kind(node) == "OuterReference" and is_tree(node.get("e")):
        return number(node["e"])
    told = node.get("exprId")
    return told["id"] if isinstance(told, dict) else None


def has_hidden(node: Node) -> bool:
    """Whether an expression has others in it that are not among its children.

    Children stand in its fields as their numbers, or, if they need not be there, as they are.
    """
    if "replacement" in node:
        return False  # Spark computes that, which is the only child, and keeps the rest to show it
    children = node["num-children"]
    told = {each for name, value in node.items() if name not in _NO_CHILDREN for each in _numbers(value)}
    inside = sum(1 for value in node.values() for _ in _trees(value))
    return inside > 0 and inside > children - len(told & set(range(children)))


def _numbers(value: object) -> Iterator[int]:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, int) and not isinstance(each, bool):
            yield each


def _trees(value: object) -> Iterator[object]:
    if is_tree(value):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _trees(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _trees(each)
