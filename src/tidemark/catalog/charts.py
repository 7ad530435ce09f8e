"""Small charts as inline SVG: colours come from the page's style, numbers are told in words, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tidemark.catalog.words import number

WIDTH, HEIGHT, EDGE = 320, 88, 4
_SVG = Markup(
    '<svg class="chart" role="img" viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-label="{told}">'
    "{inside}</svg>"
)
_AREA = Markup('<path class="area" d="{area}"/><path class="line" d="{line}"/>')
_DOT = Markup('<circle class="dot" cx="{x}" cy="{y}" r="2.5"><title>{told}</title></circle>')
_BAR = Markup('<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}"><title>{told}</title></rect>')


@dataclass(frozen=True)
class Point:
    """A value of one run, and how it is called."""

    label: str
    value: float


@dataclass(frozen=True)
class Bar:
    """Parts of one run that stand on each other: how each is drawn (a class), and its value."""

    label: str
    parts: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        return sum(value for _, value in self.parts)


@dataclass(frozen=True)
class Chart:
    """A chart under its title; `told` says in words what it shows, `kinds` are its parts."""

    title: str
    drawn: Markup
    told: str
    kinds: tuple[str, ...] = ()


def line(points: Sequence[Point], title: str) -> Chart | None:
    """Values over time, oldest first; its foot is the least value, where not even the zero is near."""
    if not points:
        return None
    values = [point.value for point in points]
    low, high = min(values), max(values)
    low = 0 if low < (high - low) * 2 else low
    places = [(_across(each, len(points)), _up(value - low, high - low)) for each, value in enumerate(values)]
    path = " ".join(f"{'M' if number == 0 else 'L'}{x:.1f} {y:.1f}" for number, (x, y) in enumerate(places))
    foot = HEIGHT - EDGE
    area = f"{path} L{places[-1][0]:.1f} {foot} L{places[0][0]:.1f} {foot} Z"
    drawn = [_AREA.format(area=area, line=path)]
    drawn += [
        _DOT.format(x=f"{x:.1f}", y=f"{y:.1f}", told=f"{point.label}: {_said(point.value)}")
        for (x, y), point in zip(places, points, strict=True)
    ]
    told = f"{_said(values[0])} to {_said(values[-1])} over {_runs(len(points))}"
    return _chart(title, told, drawn)


def bars(found: Sequence[Bar], title: str) -> Chart | None:
    """Parts of runs on each other, oldest first."""
    if not found:
        return None
    high = max(bar.total for bar in found) or 1
    step = (WIDTH - 2 * EDGE) / max(len(found), 8)
    drawn: list[Markup] = []
    for position, bar in enumerate(found):
        at: float = HEIGHT - EDGE
        for kind, value in bar.parts:
            tall = _tall(value, high)
            at -= tall
            x = EDGE + position * step
            drawn.append(
                _BAR.format(
                    kind=kind,
                    x=f"{x:.1f}",
                    y=f"{at:.1f}",
                    width=f"{step * 0.78:.1f}",
                    height=f"{tall:.1f}",
                    told=f"{bar.label}: {kind} {number(value)}",
                )
            )
    sums: dict[str, int] = {}
    for bar in found:
        for kind, value in bar.parts:
            sums[kind] = sums.get(kind, 0) + value
    told = ", ".join(f"{number(value)} {kind}" for kind, value in sums.items())
    return _chart(title, f"{told} over {_runs(len(found))}", drawn, tuple(sums))


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


def _chart(title: str, told: str, drawn: Sequence[Markup], kinds: tuple[str, ...] = ()) -> Chart:
    inside = Markup("").join(drawn)
    return Chart(title, _SVG.format(width=WIDTH, height=HEIGHT, told=f"{title}: {told}", inside=inside), told, kinds)


def _said(value: float) -> str:
    return number(int(value)) if value == int(value) else f"{value:g}"


def _across(position: int, count: int) -> float:
    return WIDTH / 2 if count == 1 else EDGE + position * (WIDTH - 2 * EDGE) / (count - 1)


def _up(value: float, high: float) -> float:
    return HEIGHT - EDGE - (value / high if high else 0.5) * (HEIGHT - 3 * EDGE)


def _tall(value: int, high: int) -> float:
    """How tall a part is: what is there can be seen."""
    return max(1.5, value / high * (HEIGHT - 3 * EDGE)) if value else 0.0
