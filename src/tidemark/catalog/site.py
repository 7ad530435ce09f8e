"""Writes the catalog: pages from templates that escape everything, and data that cannot end its script.

It is made beside its folder and then put in its place, so that nobody sees pages of an old one among new ones.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from tidemark.catalog import pages, record, words
from tidemark.catalog.graph import graph
from tidemark.errors import ConfigError, TidemarkError
from tidemark.shown import visible

if TYPE_CHECKING:
    from tidemark.catalog.facts import Facts

MARK = "tidemark-catalog.json"
"""In every folder that a catalog may be written over."""
_STATIC = Path(__file__).parent / "static"
_IN_SCRIPT = {ord(each): f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}


def refuse_foreign(folder: Path) -> None:
    """Raises `ConfigError` for a folder that holds anything else than a catalog: it would be lost."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file", next_step="name a folder of its own with --out")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise ConfigError(
            f"{folder} is no catalog, and it is not empty; nothing was written",
            next_step="name a folder of its own with --out",
        )


def write_site(facts: Facts, folder: Path) -> int:
    """Writes the catalog into a folder, in the place of an older one; gives the number of its pages."""
    refuse_foreign(folder)
    folder = folder.resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as failure:
        raise _unwritten(folder, failure) from failure
    try:
        made.chmod(0o755)
        count = _write(facts, made)
        _put(made, folder)
    except OSError as failure:
        raise _unwritten(folder, failure) from failure
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return count


def _unwritten(folder: Path, failure: OSError) -> TidemarkError:
    return TidemarkError(
        f"the catalog could not be written to {folder}: {failure}",
        step="catalog",
        next_step="see whether the folder above it may be written and has room, or name another one with --out",
    )


def _put(made: Path, folder: Path) -> None:
    if not folder.exists():
        made.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent)) / "catalog"
    try:
        folder.rename(old)
        try:
            made.rename(folder)
        except OSError:
            old.rename(folder)
            raise
    finally:
        shutil.rmtree(old.parent, ignore_errors=True)


def _write(facts: Facts, folder: Path) -> int:
    shutil.copytree(_STATIC, folder / "static")
    for name in ("tables", "runs", "data"):
        (folder / name).mkdir()
    _data(folder / "data" / "search.js", "search", pages.search_index(facts))
    _data(folder / "data" / "lineage.js", "lineage", graph(facts, pages.slug))
    (folder / MARK).write_text(json.dumps({"built_at": facts.built_at.isoformat()}), encoding="utf-8")
    if not facts.in_git:
        (folder / record.FILE).write_text(record.written(facts.texts), encoding="utf-8")
    templates = environment()
    common = {
        "environment": facts.project.environment.name,
        "built": words.moment(facts.built_at),
        "release": facts.release.name if facts.release else None,
    }
    with_pages = {pages.run_slug(run.run_id) for run in facts.runs[: pages.RUN_PAGES]}
    written = 0
    for path, template, shown in _pages(facts):
        root = "../" * path.count("/")
        text = templates.get_template(template).render(**common, root=root, run_pages=with_pages, page=path, **shown)
        (folder / path).write_text(text, encoding="utf-8")
        written += 1
    return written


def _pages(facts: Facts) -> Any:
    yield "index.html", "index.html.j2", pages.overview(facts)
    yield "lineage.html", "lineage.html.j2", {}
    yield "runs.html", "runs.html.j2", pages.runs_page(facts)
    yield "errors.html", "errors.html.j2", pages.errors_page(facts)
    for run in facts.runs[: pages.RUN_PAGES]:
        yield f"runs/{pages.run_slug(run.run_id)}.html", "run.html.j2", pages.run_page(facts, run)
    for found in facts.tables.values():
        yield f"tables/{pages.slug(found.name)}.html", "table.html.j2", pages.table_page(facts, found)


def environment() -> Environment:
    """The templates; whatever they are given is text, and no markup."""
    made = Environment(
        loader=PackageLoader("tidemark.catalog"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["slug"] = pages.slug
    made.filters["decimal"] = words.decimal
    return made


def _data(path: Path, name: str, value: list[Any] | Mapping[str, Any]) -> None:
    """A value as a script, since a page that was opened from a folder may read no other file."""
    text = json.dumps(_visible(value), ensure_ascii=False, separators=(",", ":")).translate(_IN_SCRIPT)
    path.write_text(f"window.tidemark = window.tidemark || {{}};\nwindow.tidemark.{name} = {text};\n", encoding="utf-8")


def _visible(value: Any) -> Any:
    """The value with texts that show what is in them: scripts put them on pages as they are."""
    match value:
        case str():
            return visible(value)
        case Mapping():
            return {visible(str(name)): _visible(each) for name, each in value.items()}
        case list() | tuple():
            return [_visible(each) for each in value]
        case _:
            return value
