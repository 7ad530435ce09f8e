"""Which tables a table's gate waits for: those that its checks read, where a run can prepare them before it.

Of these the checks see what the run will commit, whichever of the tables was begun first. What is computed from the
table, or lies in a later layer, comes after the gate: of that the checks see what is committed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from tidemark.config.contract import LAYERS


def awaited(inputs: Mapping[str, Sequence[str]], read: Mapping[str, Collection[str]]) -> Mapping[str, tuple[str, ...]]:
    """The tables that a gate waits for, by table.

    `inputs` are the tables that each is computed from, `read` those that its checks read.
    """
    readers = readers_of(inputs)
    return {
        name: tuple(sorted(_before(name, others, reached(name, readers)))) for name, others in read.items() if others
    }


def circle(after: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Tables each of which comes after the one before it, round and round: () where there is an order.

    `after` are the tables that each has to come after.
    """
    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        return tuple(error.args[1][1:])
    return ()


def readers_of(inputs: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """The tables that are computed from each."""
    readers: dict[str, list[str]] = defaultdict(list)
    for name, used in inputs.items():
        for each in used:
            readers[each].append(name)
    return readers


def reached(name: str, edges: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The table and all that its edges lead to, directly or not."""
    found, waiting = set[str](), [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting.extend(edges.get(current, ()))
    return frozenset(found)


def _before(name: str, others: Collection[str], later: Collection[str]) -> Collection[str]:
    return [each for each in others if each not in later and _layer(each) <= _layer(name)]


def _layer(name: str) -> int:
    return LAYERS.index(name.partition(".")[0])
