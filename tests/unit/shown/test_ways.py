"""There is one way to each surface: what writes to it is where it is known, and by its function."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("src/tidemark", "flows", "tasks", "blocks", "cli")
SURFACES = {
    "create_markdown_artifact": {"flows/running/telling/artifacts.py", "tasks/evidence.py"},
    "create_link_artifact": {"tasks/evidence.py"},
    "create_table_artifact": set(),
    "create_image_artifact": set(),
    "create_progress_artifact": {"flows/running/telling/artifacts.py"},
    "EmailMessage": {"src/tidemark/observe/mail.py"},
    "MIMEText": set(),
    "update_progress_artifact": {"flows/running/telling/artifacts.py"},
    "update_artifact": set(),
    "emit_event": {"tasks/events.py"},
    "setJobDescription": set(),
    "setJobGroup": {"tasks/guard.py"},  # tables and steps, which Spark's pages show
    "print": {"cli/console/output.py", "cli/console/display.py"},
    "prompt": set(),
    "echo": set(),
    "secho": set(),
    "Console": {"cli/console/output.py"},
    "Markup": {"src/tidemark/catalog/charts.py"},  # constants, whose values are escaped where they are put in
    "from_markup": set(),
    "StreamHandler": {"src/tidemark/observe/logs.py"},
    "FileHandler": set(),
    "Formatter": {"src/tidemark/redaction.py"},
    "writer": set(),
    "DictWriter": set(),
    "to_csv": set(),
    "write_csv": set(),
    "csv": {"src/tidemark/sources/landing/formats/csvfiles.py", "src/tidemark/sources/landing/formats/csvheader.py"},
}
STREAMS = {
    "src/tidemark/observe/metrics.py",  # JSON lines
    "src/tidemark/observe/logs.py",  # that the log cannot be written
    "src/tidemark/spark/jars.py",  # their folder
    "src/tidemark/spark/archive.py",
    "blocks/ecs/__main__.py",  # a template as JSON
    "cli/console/output.py",
}


@pytest.fixture(scope="module")
def calls() -> list[tuple[str, int, str]]:
    """Every call in what is shipped: the file, the line, and what is called."""
    return [
        (str(path.relative_to(ROOT)), node.lineno, dotted(node.func))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
    ]


def dotted(called: ast.expr) -> str:
    match called:
        case ast.Name():
            return called.id
        case ast.Attribute():
            return f"{dotted(called.value)}.{called.attr}"
        case ast.Call():
            return f"{dotted(called.func)}()"
        case _:
            return ""


def test_surfaces_are_written_to_where_they_are_known(calls: list[tuple[str, int, str]]) -> None:
    strangers = [
        f"{path}:{line}: {called}"
        for path, line, called in calls
        if path not in SURFACES.get(called.rpartition(".")[2], {path})
    ]
    assert strangers == []


def test_streams_are_written_to_where_they_are_known(calls: list[tuple[str, int, str]]) -> None:
    written = re.compile(r"sys\.(__)?std(out|err)(__)?\.write(lines)?")
    strangers = [f"{path}:{line}" for path, line, called in calls if written.fullmatch(called) and path not in STREAMS]
    assert strangers == []


def test_questions_are_asked_by_their_function(calls: list[tuple[str, int, str]]) -> None:
    asked = [path for path, _, called in calls if called in ("typer.confirm", "click.confirm")]
    assert asked == ["cli/console/output.py"]


MARKDOWN = {
    "src/tidemark/catalog/schema_page.py",
    "src/tidemark/observe/pages.py",
    "src/tidemark/observe/run_report.py",
    "src/tidemark/plans/report.py",
    "src/tidemark/reconcile/report.py",
    "flows/running/telling/artifacts.py",
    "flows/sla.py",
    "tasks/evidence.py",
}
_OF_MARKDOWN = {"Markdown", "markdown", "code", "code_block", "code_in_cell", "link_address"}


def test_it_is_known_who_writes_markdown() -> None:
    writers = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "tidemark.shown"
        if _OF_MARKDOWN & {each.name for each in node.names}
    }
    assert writers == MARKDOWN


@pytest.mark.parametrize("path", sorted(MARKDOWN))
def test_code_in_markdown_is_written_by_its_function(path: str) -> None:
    """A value between backticks that somebody put there by hand ends where the value says."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    by_hand = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for before, value in zip(node.values, node.values[1:], strict=False)
        if isinstance(value, ast.FormattedValue) and isinstance(before, ast.Constant) and before.value.endswith("`")
    ]
    assert by_hand == []


def test_templates_and_scripts_of_the_catalog_make_no_markup_of_a_text() -> None:
    catalog = ROOT / "src" / "tidemark" / "catalog"
    forbidden = {
        ".j2": re.compile(r"\|\s*safe\b|autoescape|\bMarkup\b|<script(?! src=)|\son\w+="),
        ".js": re.compile(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|\beval\(|new Function|"
            r"setTimeout\([\"'`]|\.srcdoc|DOMParser"
        ),
    }
    looked_at = [path for path in catalog.rglob("*") if path.suffix in forbidden]
    assert len(looked_at) > 10
    found = [
        f"{path.name}: {hit[0]}"
        for path in looked_at
        for hit in forbidden[path.suffix].finditer(path.read_text("utf-8"))
    ]
    assert found == []
