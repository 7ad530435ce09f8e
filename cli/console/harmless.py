"""Consoles on which text is text: nothing that is printed makes a terminal do anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.segment import Segment

from tidemark.shown import visible


class _Visible(RenderHook):
    """Has everything printed as `_Shown`."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Shown(each) for each in renderables]


@dataclass(frozen=True)
class _Shown:
    """What something looks like on a console, without what a terminal would obey. Styles and the cursor stay."""

    renderable: ConsoleRenderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for text, style, control in console.render(self.renderable, options):
            yield Segment(text if control else visible(text), style, control)


def harmless(console: Console) -> Console:
    """The same console; from now on it shows whatever it is given to print, and obeys none of it."""
    console.push_render_hook(_Visible())
    return console
