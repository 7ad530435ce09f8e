"""The summary that people read: aligned, inside 120 columns, colour only for trouble."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tests.support.golden.runs import ACTIVITY, EVENTS, FX, ORDERS
from tidemark.books import Books
from tidemark.control.runs import (
    FilesSummary,
    GateSummary,
    LineageSummary,
    Publication,
    RunSummary,
    TableResult,
    Warned,
)
from tidemark.observe.run_report import THIN_SPACE, count, duration, markdown, render

SILVER = TableResult(
    "silver.orders",
    "committed",
    seconds=2.4,
    books=Books(4790, 4790, 0, 0, inserted=3911, updated=640, deleted=2, unchanged=237),
    gate=GateSummary(7, 7),
)
RUN = RunSummary(
    run_id="0198f3c2-1111-2222",
    flow="daily",
    environment="local",
    date=date(2026, 1, 31),
    started_at=datetime(2026, 1, 31, 6, 0, 0),
    finished_at=datetime(2026, 1, 31, 6, 1, 48),
    status="done",
    release="r31",
    released=True,
    tables=(SILVER, ORDERS),
    published=(Publication("gold.a", "snowflake", 8912, 10, 9000), Publication("gold.a", "redshift", 8912, 10, 9000)),
    warnings=(Warned("silver.fx_rates", "freshness 27 h > 26 h", "tidemark check --select silver.fx_rates"),),
)

SHOWN = """\
run 2026-01-31 · local · 0198f3c2 · 1 m 48 s · released as r31

layer   table                in  accepted  quarantined  superseded   +new  ~changed  -deleted  =same  gate      s
bronze  snowflake_orders  4 812     4 790           19           3  4 790         0         0      0  ok 9/9  3.1
silver  orders            4 790     4 790            0           0  3 911       640         2    237  ok 7/7  2.4

19 rows rejected                                  → tidemark errors list --run 0198f3c2
  bronze.snowflake_orders: 12 status.enum, 5 email.pattern, 2 unit_price.minimum
1 warning: silver.fx_rates freshness 27 h > 26 h  → tidemark check --select silver.fx_rates
published r31 to redshift (1 table, 8 912 rows, 10 removed), snowflake (1 table, 8 912 rows, 10 removed)
"""


def printed(summary: RunSummary, width: int = 120) -> list[str]:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(render(summary))
    return captured.get().replace(THIN_SPACE, " ").splitlines()


def test_the_summary_says_what_the_run_did() -> None:
    lines = [line.rstrip() for line in printed(RUN)]
    assert lines == SHOWN.splitlines()


def test_what_it_advises_is_about_the_environment_of_the_run() -> None:
    there = replace(RUN, environment="prod")
    for text in ("\n".join(printed(there)), markdown(there)):
        assert "tidemark --env prod errors list --run 0198f3c2" in text
        assert "tidemark --env prod check --select silver.fx_rates" in text


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (replace(SILVER, status="gate failed", gate=GateSummary(5, 6, failed=("avg",))), "failed 5/6"),
        (replace(SILVER, gate=GateSummary(5, 6, warnings=("freshness",))), "warn 5/6"),
        (TableResult("silver.orders", "failed", error="no"), "failed"),
        (TableResult("silver.orders", "stopped"), "stopped"),
    ],
)
def test_the_gate_column_tells_trouble(result: TableResult, shown: str) -> None:
    row = next(line for line in printed(replace(RUN, tables=(result,))) if line.startswith("silver"))
    assert f"  {shown}  " in row


def test_rows_that_went_from_a_warehouse_are_told_too() -> None:
    sent = (Publication("gold.a", "redshift", 40, 2), Publication("gold.b", "redshift", 2, 3))
    assert (
        printed(replace(RUN, published=sent))[-1].rstrip() == "published r31 to redshift (2 tables, 42 rows, 5 removed)"
    )


def test_colour_only_where_there_is_trouble() -> None:
    def codes(summary: RunSummary) -> str:
        console = Console(width=120, color_system="standard", force_terminal=True)
        with console.capture() as captured:
            console.print(render(summary))
        return captured.get()

    clean = replace(RUN, tables=(SILVER,), warnings=())
    assert not any(code in codes(clean) for code in ("\x1b[31m", "\x1b[33m", "\x1b[1;31m"))
    assert re.search(r"\x1b\[33m\s*19\x1b", codes(RUN))
    assert "\x1b[1;31mstopped" in codes(replace(clean, tables=(TableResult("silver.orders", "stopped"),)))


counts = st.integers(0, 10**10)


@settings(max_examples=25)
@given(st.lists(st.builds(Books, *[counts] * 9), min_size=1, max_size=4), st.floats(0, 9_999))
def test_every_summary_fits_120_columns(books: list[Books], seconds: float) -> None:
    gate = GateSummary(10, 12, failed=("a", "b"))
    results = tuple(TableResult("silver.customer_versions", "gate failed", seconds, book, gate=gate) for book in books)
    lines = printed(RunSummary("0198f3c2", "daily", "local", date(2026, 1, 31), datetime(2026, 1, 31), tables=results))
    rows = [line for line in lines if line.startswith(("layer", "silver"))]
    assert len(rows) == len(books) + 1
    assert all(line.rstrip().endswith(("s", f"{seconds:.1f}")) for line in rows)
    assert all(len(line) <= 120 for line in lines)


@pytest.mark.parametrize(
    ("number", "exact", "shown"),
    [
        (0, True, "0"),
        (999, True, "999"),
        (95210, True, "95 210"),
        (12345678, True, "12 345 678"),
        (999_999, False, "999 999"),
        (1_234_567, False, "1.23 M"),
        (4_600_000_000, False, "4.60 G"),
    ],
)
def test_counts_have_thin_spaces(number: int, exact: bool, shown: str) -> None:
    assert count(number, exact).replace(THIN_SPACE, " ") == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0.0 s"), (3.14, "3.1 s"), (60, "1 m 00 s"), (108.4, "1 m 48 s"), (3599.6, "1 h 00 m"), (7500, "2 h 05 m")],
)
def test_durations_read_like_speech(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_rows_that_were_all_rejected_before_are_still_told() -> None:
    again = replace(ORDERS, rejected={}, newly_rejected=0)
    text = "\n".join(printed(replace(RUN, tables=(again,))))
    assert "19 rows rejected, all of them in an earlier run too" in text


def test_of_rows_that_nobody_counted_nothing_is_said_but_how_many_there_are() -> None:
    unwritten = replace(ORDERS, rejected={}, newly_rejected=None)
    text = "\n".join(printed(replace(RUN, tables=(unwritten,))))
    assert "19 rows rejected " in text
    assert "earlier run" not in text


def test_rows_that_came_again_are_told_apart_from_new_ones() -> None:
    def told(*results: TableResult) -> str:
        return "\n".join(printed(replace(RUN, tables=results)))

    some, others = replace(ORDERS, newly_rejected=4), replace(ORDERS, table="bronze.x", newly_rejected=19)
    assert "19 rows rejected, 4 new in the error lane" in told(some)
    assert "38 rows rejected, 23 new in the error lane" in told(some, others)
    assert "new in the error lane" not in told(others), "all of them are"
    assert "new in the error lane" not in told(some, ORDERS), "a run of before did not count them"


def test_a_failed_publication_is_named() -> None:
    failed = (*RUN.published, Publication("gold.b", "redshift", error="no connection"))
    text = "\n".join(printed(replace(RUN, published=failed)))
    assert "redshift (1 table, 8 912 rows, 10 removed, 1 failed: gold.b)" in text


def test_markdown_holds_the_same_numbers_and_the_error() -> None:
    text = markdown(replace(RUN, status="failed", error="gold.x: 1 of 6 checks failed")).replace(THIN_SPACE, " ")
    assert "| bronze.snowflake_orders | ok 9/9 | 4 812 | 4 790 | 19 | 3 | 4 790 | 0 | 0 | 0 | 3.1 |" in text
    assert "gold.x: 1 of 6 checks failed" in text
    assert "`tidemark errors list --run 0198f3c2`" in text
    assert "1 m 48 s · failed" in text


def test_the_largest_rules_are_told_as_many_as_fit_the_line() -> None:
    rejected = {f"long_column.rule{number:02d}": 10 - number for number in range(9)}
    told = [line.rstrip() for line in printed(replace(RUN, tables=(replace(ORDERS, rejected=rejected),)))]
    (line,) = [line for line in told if "rule00" in line]
    assert line == (
        "  bronze.snowflake_orders: 10 long_column.rule00, 9 long_column.rule01, 8 long_column.rule02, 6 more"
    )


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (LineageSummary(142, "/srv/lineage/2025-03-30/r.jsonl"), "142 lineage events: /srv/lineage/2025-03-30/r.jsonl"),
        (LineageSummary(1, "https://l.example"), "1 lineage event: https://l.example"),
        (
            LineageSummary(3, "https://l.example", 139, 0, "it answers 503"),
            "3 lineage events: https://l.example; 139 wait for the next run (it answers 503)",
        ),
        (
            LineageSummary(3, "https://l.example", 0, 2, "it answers 422"),
            "3 lineage events: https://l.example; 2 were not taken (it answers 422)",
        ),
    ],
)
def test_the_summary_says_where_lineage_went(told: LineageSummary, line: str) -> None:
    summary = replace(RUN, lineage=told)
    assert printed(summary)[-1].rstrip() == line
    assert f"- {line}".replace("://", "\\://") in markdown(summary).splitlines()
    assert RunSummary.from_json(json.loads(json.dumps(summary.to_json()))).lineage == told


def test_without_lineage_there_is_no_line() -> None:
    assert "lineage" not in "".join(printed(RUN)) + markdown(replace(RUN, lineage=LineageSummary(0, "/srv")))


def test_of_few_short_rules_five_are_told() -> None:
    rejected = {f"c.rule{number}": number for number in range(1, 8)}
    told = "\n".join(printed(replace(RUN, tables=(replace(ORDERS, rejected=rejected),))))
    assert "orders: 7 c.rule7, 6 c.rule6, 5 c.rule5, 4 c.rule4, 3 c.rule3, 2 more" in told


REFUSED = replace(EVENTS, status="gate failed", gate=GateSummary(4, 6, failed=("no gaps",)))
LARGE = replace(RUN, tables=(FX, ORDERS, ACTIVITY, REFUSED), lineage=LineageSummary(142, "/srv/lineage/r.jsonl"))


def test_a_terminal_that_is_too_small_cuts_names_and_neither_digits_nor_gates() -> None:
    shown = "\n".join(printed(LARGE, 40))
    assert "1.43 M failed 4/6" in shown
    assert "1.43 M" in "\n".join(printed(LARGE, 28))


def test_prefects_page_shows_problems_first_and_no_column_of_zeros() -> None:
    refused = replace(SILVER, table="silver.behavior", status="gate failed", gate=GateSummary(5, 6, failed=("avg",)))
    quiet = replace(SILVER, books=Books(7, 7, 0, 0, inserted=7))
    lines = markdown(replace(RUN, job="daily", status="gate failed", error="no", tables=(quiet, refused))).splitlines()
    (header,) = [number for number, line in enumerate(lines) if line.startswith("| table | gate")]
    assert lines[header] == "| table | gate | in | accepted | +new | ~changed | -deleted | =same | s |"
    assert lines[header + 2].startswith("| silver.behavior | failed 5/6 |"), "what is in trouble stands above"
    assert header > max(number for number, line in enumerate(lines) if line.startswith("- warning"))
    alone = markdown(replace(RUN, tables=(quiet,)))
    assert "| table | gate | in | accepted | +new | s |" in alone
    assert "prefect deployment run" not in alone, "nothing is left to do"


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        (
            {"job": "crm_to_bronze", "flow": "ingest", "status": "failed"},
            "prefect deployment run 'ingest/crm_to_bronze.local' --param 'date=\"2026-01-31\"'",
        ),
        (
            {"job": "publish_gold", "flow": "publish", "status": "failed"},
            "prefect deployment run 'publish/publish_gold.local'",
        ),
        ({}, "prefect deployment run 'replay/replay.local'   # once they are put right"),
    ],
)
def test_prefects_page_ends_in_the_command_that_goes_on(changes: dict[str, str], command: str) -> None:
    assert markdown(replace(RUN, **changes)).splitlines()[-2:] == [command, "```"]


def test_what_maintenance_did_is_told_on_prefects_page() -> None:
    small = TableResult("gold.a", "unchanged", files=FilesSummary(500, 2, 12_345_678))
    held = TableResult("gold.b", "unchanged", files=FilesSummary(3, 3, 0, plan="0198f3c2"))
    text = markdown(replace(RUN, flow="maintain", tables=(held, small))).replace(THIN_SPACE, " ")
    lines = text.splitlines()
    header = lines.index("| table | files before | files now | freed |  |")
    assert lines[header + 2 :] == [
        "| gold.a | 500 | 2 | 12.3 MB |  |",
        "| gold.b | 3 | 3 | 0 | not put together: plan 0198f3c2 is open |",
    ]
    assert "files before" not in markdown(RUN)
