"""Whatever a source holds is shown as text: on terminals, in logs, Markdown, Slack, mails, SQL, JSON and pages."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
import shlex
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime
from email import message_from_bytes
from email.message import EmailMessage
from html import unescape
from pathlib import Path

import jinja2
import pytest
import sqlglot
import yaml
from markdown_it import MarkdownIt
from rich.console import Console
from rich.live import Live

from cli.console.harmless import harmless
from cli.console.listing import Listing
from tests.support.hostile import HOSTILE
from tidemark import redaction, shown
from tidemark.books import Books
from tidemark.catalog.site import environment as templates
from tidemark.compile.ddl import add_column, quote, string
from tidemark.compute.gate.scan import _new_scan
from tidemark.control.runs import RunSummary, TableResult, Warned
from tidemark.errors import ConfigError, Finding, TidemarkError
from tidemark.observe.alerts import AlertEvent
from tidemark.observe.logs import JsonFormatter
from tidemark.observe.pages import deployment_command, markdown_table
from tidemark.observe.run_report import markdown, render

ROOT = Path(__file__).parents[2]
hostile = pytest.mark.parametrize("texts", [HOSTILE], ids=["hostile"])
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
MEANING = re.compile(
    r"(link|image|html|code|fence|heading|em|strong|list|bullet|ordered|blockquote|hr|s_|reference)", re.IGNORECASE
)


def unseen(text: str, besides: str = "") -> list[str]:
    return [each for each in text if each not in besides and unicodedata.category(each) in UNSEEN]


def test_there_are_enough_of_them() -> None:
    assert len(set(HOSTILE)) >= 40


# --- terminals


@hostile
def test_a_line_is_a_line_and_shows_what_is_in_it(texts: tuple[str, ...]) -> None:
    for text in texts:
        told = shown.line(text)
        assert not unseen(told)
        assert len(told.splitlines()) <= 1
        told.encode("utf-8")


@hostile
def test_nothing_that_is_printed_reaches_the_terminal_as_a_command(texts: tuple[str, ...]) -> None:
    for text in texts:
        file = io.StringIO()
        console = harmless(
            Console(file=file, force_terminal=True, color_system=None, width=200, markup=False, emoji=False)
        )
        console.print(text)
        console.print(f"[bold]{text}", soft_wrap=True)
        assert not unseen(file.getvalue(), "\n")


@hostile
def test_a_cell_is_one_line(texts: tuple[str, ...]) -> None:
    for text in texts:
        listing = Listing(("name", "value", "more"))
        listing.add_row("first", text, "x")
        listing.add_row("second", "x", text)
        lines = listing.lines(400)
        assert len(lines) == 3
        assert not unseen("".join(lines))
        assert lines[2].startswith("second")


def test_styles_and_live_displays_still_reach_the_terminal() -> None:
    file = io.StringIO()
    console = harmless(Console(file=file, force_terminal=True, color_system="standard", width=80))
    with Live("working", console=console, transient=True):
        console.print("done", style="bold red")
    assert "\x1b[1;31mdone" in file.getvalue()
    assert "\x1b[?25h" in file.getvalue()


@hostile
def test_an_error_has_the_lines_that_it_says_and_no_others(texts: tuple[str, ...]) -> None:
    for text in texts:
        error = TidemarkError(f"{text} is odd", table="bronze.t", seen=[text], evidence=text, next_step="look")
        lines = str(error).split("\n")
        assert len(lines) == (4 if text else 3)
        assert [line for line in lines if line.startswith("  next ")] == ["  next      look"]
        assert not unseen(str(error), "\n")
        finding = Finding(Path("a.yaml"), 3, text, text)
        assert str(ConfigError("wrong", findings=[finding])).split("\n")[2].startswith("    fix: ")
        assert len(str(finding).split("\n")) == 2


# --- logs


@pytest.fixture
def records() -> Iterator[None]:
    factory = logging.getLogRecordFactory()
    redaction.install()
    yield
    logging.setLogRecordFactory(factory)


def logged(formatter: logging.Formatter, text: str) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.getLogger("tests.hostile")
    logger.propagate = False
    logger.addHandler(handler)
    try:
        logger.warning("read %s", text)
        logger.warning("read " + text.replace("%", "%%"))
        try:
            {}[text]
        except KeyError:
            logger.exception("of %s", text)
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
    return stream.getvalue()


@hostile
@pytest.mark.usefixtures("records")
def test_records_are_one_line_each(texts: tuple[str, ...]) -> None:
    for text in texts:
        told = logged(logging.Formatter("%(levelname)s %(message)s"), text)
        assert not unseen(told, "\n")
        lines = told.removesuffix("\n").split("\n")
        assert [line for line in lines if not line.startswith("  ")] == lines[:3]
        assert lines[3].strip() == "Traceback (most recent call last):"


@hostile
@pytest.mark.usefixtures("records")
def test_json_logs_are_one_object_a_line(texts: tuple[str, ...]) -> None:
    for text in texts:
        told = logged(JsonFormatter(), text)
        assert not unseen(told, "\n")
        objects = [json.loads(line) for line in told.splitlines()]
        assert len(objects) == 3
        assert "KeyError" in objects[2]["traceback"]


@hostile
def test_json_keeps_the_text(texts: tuple[str, ...]) -> None:
    for text in texts:
        for told in (shown.json_line({text: [text, float("nan")]}), shown.json_text({text: [text, float("nan")]})):
            assert not unseen(told, "\n")
            told.encode("utf-8")
            assert json.loads(told) == {text: [text, "nan"]}
        assert "\n" not in shown.json_line({text: text})


# --- Markdown


def tokens(markdown: str) -> list[object]:
    found = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown)
    return [each for token in found for each in (token, *(token.children or ()))]


def words(parsed: list[object]) -> str:
    return "".join(each.content for each in parsed if each.type in ("text", "text_special"))


@hostile
def test_markdown_says_the_text_and_means_nothing(texts: tuple[str, ...]) -> None:
    for text in texts:
        parsed = tokens(f"before {shown.markdown(text)}\n\nafter")
        assert [each.type for each in parsed if MEANING.match(each.type)] == []
        assert words(parsed) == f"before {shown.line(text).strip()}after".replace("before after", "beforeafter")
        alone = tokens(shown.markdown(text))
        assert [each.type for each in alone if MEANING.match(each.type)] == []
        assert words(alone) == shown.line(text).strip()


@hostile
def test_markdown_makes_no_link_of_an_address(texts: tuple[str, ...]) -> None:
    """Prefect's page, as GitHub's, makes links of bare addresses: it looks for these before escapes are resolved."""
    for text in texts:
        assert not re.search(r"https?://|(?<!\w)www\.\w|[\w.]@[\w]", shown.markdown(text))


@hostile
def test_markdown_tables_keep_their_cells(texts: tuple[str, ...]) -> None:
    for text in texts:
        lines = markdown_table(("name", "value", "rows"), [(text, "x", "1"), ("second", "y", "2")], numbers=(2,))
        assert len(lines) == 4
        parsed = tokens("\n".join(lines))
        kinds = [each.type for each in parsed]
        assert kinds.count("td_open") == 6
        assert kinds.count("th_open") == 3
        assert [each for each in kinds if MEANING.match(each)] == []


@hostile
def test_code_is_code_up_to_its_end(texts: tuple[str, ...]) -> None:
    for text in texts:
        parsed = tokens(f"- a: {shown.code(text)} end")
        code = [each.content for each in parsed if each.type == "code_inline"]
        assert code == ([shown.line(text)] if shown.line(text).strip() else code)
        assert not [
            each for each in parsed if each.type in ("link_open", "image", "html_inline", "html_block", "fence")
        ]
        block = tokens(f"{shown.code_block(text)}\n\nafter")
        assert [each.type for each in block if each.type == "fence"] == ["fence"]
        assert words(block) == "after"
        in_cell = tokens(f"| a | b |\n| --- | --- |\n| {shown.code_in_cell(text)} | x |")
        assert [each.type for each in in_cell].count("td_open") == 2


@hostile
def test_a_link_goes_where_it_says(texts: tuple[str, ...]) -> None:
    for text in texts:
        parsed = tokens(f"[rows]({shown.link_address(f's3://bucket/{text}')}) end")
        (link,) = [each for each in parsed if each.type == "link_open"]
        assert link.attrGet("href").startswith("s3://bucket/")
        assert words(parsed) == "rows end"
        assert not shown.link_address(text).lower().startswith(("javascript:", "data:", "vbscript:"))


@hostile
def test_the_page_of_a_run_shows_the_text(texts: tuple[str, ...]) -> None:
    for text in texts:
        summary = summary_with(text)
        parsed = tokens(markdown(summary))
        kinds = [each.type for each in parsed]
        assert not {"link_open", "image", "html_inline", "html_block", "strong_open", "em_open"} & set(kinds)
        assert kinds.count("heading_open") == 1
        assert kinds.count("tr_open") == 2
        file = io.StringIO()
        console = harmless(Console(file=file, width=120, markup=False, highlight=False))
        console.print(render(summary))
        assert not unseen(file.getvalue(), "\n")
        assert not [line for line in file.getvalue().splitlines() if line.startswith(("  next ", "2026-01-01"))]


def summary_with(text: str) -> RunSummary:
    began = datetime(2026, 1, 31, 1)
    books = Books(extracted=3, quarantined=3)
    return RunSummary(
        "0198f3c2-0000-7000-8000-000000000000",
        "daily",
        "test",
        date(2026, 1, 31),
        began,
        status="failed",
        finished_at=began,
        tables=(TableResult("bronze.orders", "failed", seconds=1.0, books=books, rejected={text: 3}),),
        warnings=(Warned("bronze.orders", text, next_step=text),),
        error=text,
        job="daily",
    )


# --- Slack, mails, notifications, metrics


@hostile
def test_slack_calls_nobody(texts: tuple[str, ...]) -> None:
    for text in texts:
        told = shown.slack(text)
        assert not re.search(r"<[!@#]|<http", told)
        assert not unseen(told, "\n")
        assert unescape(told) == shown.visible(text) or "&" in text


@hostile
def test_an_alert_has_as_many_lines_as_it_says(texts: tuple[str, ...]) -> None:
    for text in texts:
        event = AlertEvent("error", text, "run-1", "test", "bronze.t", next_step=text)
        assert len(event.text.split("\n")) == (3 if text else 2)


@hostile
def test_headers_are_one_line(texts: tuple[str, ...]) -> None:
    for text in texts:
        mail = EmailMessage()
        mail["Subject"] = shown.header(text, 200)
        mail.set_content(shown.visible(text))
        sent = message_from_bytes(bytes(mail))
        assert sent.get_all("Bcc") is None
        assert set(sent.keys()) == {"Subject", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"}
        for told in (shown.ascii_header(text, 99), shown.dimension(text)):
            assert told.isascii()
            assert not unseen(told)
        assert len(shown.ascii_header(text * 50, 99)) <= 99
        assert shown.dimension(text)


# --- SQL, SodaCL, shells


@hostile
def test_a_literal_of_sql_ends_where_it_ends(texts: tuple[str, ...]) -> None:
    for text in texts:
        for dialect, reader in (("delta", "spark"), ("snowflake", "snowflake")):
            literal = string(text, dialect)
            (statement,) = sqlglot.parse(f"SELECT {literal} AS a", read=reader)
            assert len(statement.expressions) == 1
            assert statement.find(sqlglot.exp.Literal).this == shown.sql_text(text)
        assert re.fullmatch(r"'(?:[^'\\]|''|\\\\)*'", string(text, "redshift"))


@hostile
def test_a_name_in_sql_ends_where_it_ends(texts: tuple[str, ...]) -> None:
    for text in texts:
        if not text.strip() or "\x00" in text:
            continue
        for dialect, reader in (("delta", "spark"), ("snowflake", "snowflake"), ("redshift", "redshift")):
            (statement,) = sqlglot.parse(f"SELECT {quote(text, dialect)}", read=reader)
            (name,) = statement.expressions
            assert name.name == (text.upper() if dialect == "snowflake" else text)
        assert add_column("a`b", "string", "delta", "t") == "ALTER TABLE t ADD COLUMNS (`a``b` STRING)"


@hostile
def test_commands_that_are_shown_hold_their_parameters(texts: tuple[str, ...]) -> None:
    for text in texts:
        words = shlex.split(deployment_command("apply", "apply", "test", plan=text))
        assert words[:5] == ["prefect", "deployment", "run", "apply/apply.test", "--param"]
        assert json.loads(words[5].removeprefix("plan=")) == text
        assert len(words) == 6


@hostile
def test_soda_takes_a_text_as_it_is(texts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for text in texts:
        monkeypatch.setenv("TIDEMARK_CANARY", "c4nary")
        scan = _new_scan()
        for template in (text, f"${{TIDEMARK_CANARY}} {text}", f"${{env_var('TIDEMARK_CANARY')}} {text}"):
            assert scan.jinja_resolve(template) == template
        written = yaml.safe_dump({"checks for t": [{"row_count > 0": {"name": text}}]}, allow_unicode=True)
        scan.add_sodacl_yaml_str(written)
        assert "c4nary" not in str(scan._sodacl_cfg.__dict__)


# --- pages of the catalog


@hostile
def test_pages_show_the_text(texts: tuple[str, ...]) -> None:
    for text in texts:
        page = templates().from_string('<p title="{{ text }}">{{ text }}</p>').render(text=text)
        opened, _, rest = page.partition(">")
        assert opened.count('"') == 2
        assert rest.removesuffix("</p>").count("<") == 0
        assert not unseen(page, "\n\t\r")
        assert unescape(rest.removesuffix("</p>")) == shown.visible(text)


def test_templates_escape_by_default() -> None:
    assert isinstance(templates(), jinja2.Environment)
    assert templates().autoescape is True


# --- one function a surface


PACKAGES = ("src/tidemark", "flows", "tasks", "blocks", "cli")
SURFACES = {
    "create_markdown_artifact": {"flows/running/telling/artifacts.py", "tasks/evidence.py"},
    "create_link_artifact": {"tasks/evidence.py"},
    "create_table_artifact": set(),
    "create_image_artifact": set(),
    "create_progress_artifact": {"flows/running/telling/artifacts.py"},
    "EmailMessage": {"src/tidemark/observe/mail.py"},
    "MIMEText": set(),
    "print": {"cli/console/output.py", "cli/console/display.py"},
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


MARKDOWN = ("src/tidemark/observe/run_report.py", "src/tidemark/plans/report.py", "tasks/evidence.py", "flows/sla.py")


@pytest.mark.parametrize("path", MARKDOWN)
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
