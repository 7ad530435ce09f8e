"""Named points of a run at which tests break it. In a real run nothing happens here."""

from __future__ import annotations

from collections.abc import Callable

_observers: list[Callable[[str], None]] = []


def reach(point: str) -> None:
    """The run has come to this point."""
    for observe in _observers:
        observe(point)


def observed_by(observer: Callable[[str], None]) -> Callable[[], None]:
    """Tells `observer` every point from now on; what is returned ends that."""
    _observers.append(observer)
    return lambda: _observers.remove(observer)
