"""Whatever a source holds is shown as text: on terminals, in logs, Markdown, Slack, mails, SQL, JSON and pages."""

from __future__ import annotations

import io
import json
import logging
import re
import shlex
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from html import unescape
from pathlib import Path

import jinja2
import pytest
import sqlglot
import yaml
from rich.console import Console
from rich.live import Live

from cli.console.harmless import harmless
from cli.console.listing import Listing
from tests.support.hostile import HOSTILE, kinds, tokens, unseen, words
from tidemark import redaction, shown
from tidemark.catalog.site import environment as templates
from tidemark.compile.ddl import add_column, quote, string
from tidemark.compute.gate.scan import _new_scan
from tidemark.errors import ConfigError, Finding, TidemarkError
from tidemark.observe.alerts import AlertEvent
from tidemark.observe.logs import JsonFormatter
from tidemark.observe.pages import deployment_command, markdown_table

ROOT = Path(__file__).parents[2]
hostile = pytest.mark.parametrize("texts", [HOSTILE], ids=["hostile"])


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


@hostile
def test_markdown_says_the_text_and_means_nothing(texts: tuple[str, ...]) -> None:
    for text in texts:
        parsed = tokens(f"before {shown.markdown(text)}\n\nafter")
        assert kinds(parsed) == []
        assert words(parsed) == f"before {shown.line(text).strip()}after".replace("before after", "beforeafter")
        alone = tokens(shown.markdown(text))
        assert kinds(alone) == []
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
        types = [each.type for each in parsed]
        assert types.count("td_open") == 6
        assert types.count("th_open") == 3
        assert kinds(parsed) == []


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


@hostile
def test_a_label_of_a_mermaid_chart_ends_where_it_ends(texts: tuple[str, ...]) -> None:
    for text in texts:
        assert re.fullmatch(r'[\w.]+|"[^"<>\[\]{}|`]*"', shown.mermaid(text))
        assert re.fullmatch(r"[\w.]+", shown.mermaid_id(text))
        told = re.sub(r"#(\d+);", lambda found: chr(int(found[1])), shown.mermaid(text).strip('"'))
        assert told == shown.line(text)
    assert len({shown.mermaid_id(text) for text in texts}) == len(set(texts))
