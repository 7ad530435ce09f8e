"""The architecture page shows the house as it is, and the picture would show a wing that reaches up."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.support import architecture

ROOT = Path(__file__).parents[2]


def test_the_page_shows_the_house_as_it_is() -> None:
    page = architecture.PAGE.read_text("utf-8")
    assert page == architecture.drawn(page), "redraw it: python -m tests.support.architecture"


def test_the_graph_has_every_wing_and_every_package_and_no_arrow_up() -> None:
    graph = architecture.imports()
    order = list(graph)
    folders = {path.name for path in architecture.ENGINE.iterdir() if (path / "__init__.py").exists()}
    assert folders <= graph.keys()
    assert graph["cli"] >= {"flows", "config"}
    upwards = [(name, other) for name in order for other in graph[name] if order.index(other) < order.index(name)]
    assert upwards == []


def test_an_arrow_that_others_imply_is_left_out() -> None:
    shown = architecture.picture()
    assert "steps" in architecture.imports()["flows"]
    assert "flows --> steps" not in shown
    assert "tasks --> steps" in shown


def test_every_wing_says_what_lives_there_and_what_does_not() -> None:
    rows = architecture.wings().splitlines()[3:]
    silent = [row for row in rows if "/`" in row.split("|")[1] and not row.split("|")[3].strip()]
    assert silent == []


def test_no_folder_has_more_than_a_dozen_modules_but_that_of_the_flows() -> None:
    """A flow is found by its name: each is a module of `flows`, and nothing else is."""
    packages = ("src", "blocks", "tasks", "flows", "cli", "sandbox", "benchmarks")
    modules = [path for package in packages for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py"]
    modules = [path for path in modules if path.parent != ROOT / "flows"]
    crowded = {str(folder): number for folder, number in Counter(p.parent for p in modules).items() if number > 12}
    assert len(modules) > 200
    assert crowded == {}
