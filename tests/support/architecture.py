"""Draws what docs/architecture.md shows of the house from the code itself; `python -m tests.support.architecture`."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
ENGINE = ROOT / "src" / "tidemark"
CONTRACT = "the wings of the engine"
GROUND = "ground"
"""What the modules are called together that everything may use."""


def layers() -> list[str]:
    """The wings of the engine as import-linter holds them, from the top down; the modules at the bottom are one."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (contract,) = [each for each in settings["contracts"] if each["name"] == CONTRACT]
    *wings, _ = contract["layers"]
    return [*wings, GROUND]


def packages() -> list[str]:
    """The packages above the engine, from the top down."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    *above, _ = settings["contracts"][0]["layers"]
    return list(above)


def imports() -> dict[str, set[str]]:
    """What each package, and each wing of the engine, imports of the others, by the import graph of today."""
    graph = grimp.build_graph("tidemark", *packages(), cache_dir=None)
    wings = set(layers())
    found: dict[str, set[str]] = {name: set() for name in (*packages(), *layers())}
    for module in graph.modules:
        importer = _part(module, wings)
        found[importer] |= {_part(imported, wings) for imported in graph.find_modules_directly_imported_by(module)}
    return {name: others - {name} for name, others in found.items()}


def picture() -> str:
    """The import graph as Mermaid. An arrow that others imply is left out: what is imported by way of them."""
    graph = imports()
    lines = ["flowchart TD"]
    lines += [f"  {name}([{name}])" for name in packages()]
    lines += ["  subgraph tidemark", *(f"    {name}" for name in layers()), "  end"]
    lines += [f"  {name} --> {other}" for name in graph for other in graph if other in _not_implied(graph, name)]
    return "\n".join(("```mermaid", *lines, "```"))


def wings() -> str:
    """What lives in each wing, and what does not, from the ground up: the words of its own code."""
    rows = ["| wing | what lives there | what does not |", "|---|---|---|"]
    for name in reversed(layers()):
        if name == GROUND:
            rows.append(f"| {', '.join(f'`{each.stem}`' for each in _ground())} | what everything may use | |")
        else:
            package = ENGINE / name / "__init__.py"
            is_package = package.exists()
            here, beside = _said(package if is_package else ENGINE / f"{name}.py")
            rows.append(f"| `{name}{'/' if is_package else ''}` | {here} | {beside} |")
    return "\n".join(rows)


def drawn(page: str) -> str:
    """The page with its tables and pictures as they are today."""
    for name, block in (("wings", wings()), ("picture", picture())):
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page, count = pattern.subn(lambda found, block=block: f"{found[1]}\n{block}\n\n{found[2]}", page)
        if count != 1:
            raise ValueError(f"{PAGE} has {count} places for {name}")
    return page


def _part(module: str, wings: set[str]) -> str:
    package, _, rest = module.partition(".")
    if package != "tidemark":
        return package
    name = rest.partition(".")[0]
    return name if name in wings else GROUND


def _not_implied(graph: Mapping[str, set[str]], name: str) -> set[str]:
    """The direct imports of `name` that none of its other imports leads to."""
    implied: set[str] = set()
    for other in graph[name]:
        implied |= _reached_from(graph, other)
    return graph[name] - implied


def _reached_from(graph: Mapping[str, set[str]], name: str) -> set[str]:
    reached: set[str] = set()
    waiting = list(graph[name])
    while waiting:
        other = waiting.pop()
        if other not in reached:
            reached.add(other)
            waiting += graph[other]
    return reached


def _ground() -> Iterator[Path]:
    named = set(layers())
    return (path for path in sorted(ENGINE.glob("*.py")) if path.stem not in named and path.stem != "__init__")


def _said(module: Path) -> tuple[str, str]:
    """The first sentence of a module, and what it says is not there."""
    text = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    first, *paragraphs = text.split("\n\n")
    beside = [each.removeprefix("Not here: ") for each in paragraphs if each.startswith("Not here: ")]
    return first.replace("\n", " ").removesuffix("."), " ".join(beside).replace("\n", " ").removesuffix(".")


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text("utf-8")), "utf-8")
