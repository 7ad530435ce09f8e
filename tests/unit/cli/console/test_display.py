"""What is seen of a run while it works."""

from __future__ import annotations

import io
import threading

from rich.console import Console

from cli.console.display import Display, LiveDisplay, display
from flows.running.telling.progress import LoggingWatcher, publish_stage, watched_by, watcher
from tidemark.books import Books
from tidemark.control.runs import GateSummary, Publication, TableResult
from tidemark.observe.run_report import THIN_SPACE

ORDERS = TableResult(
    "silver.orders",
    "committed",
    seconds=2.4,
    books=Books(4790, 4790, inserted=4551, unchanged=239),
    gate=GateSummary(7, 7),
)


def plain() -> tuple[Display, io.StringIO]:
    written = io.StringIO()
    shown = display(Console(file=written, width=120))
    assert type(shown) is Display
    return shown, written


def live() -> LiveDisplay:
    shown = display(Console(file=io.StringIO(), width=120, force_terminal=True))
    assert isinstance(shown, LiveDisplay)
    return shown


def drawn(shown: LiveDisplay) -> str:
    console = Console(file=io.StringIO(), width=120)
    with console.capture() as captured:
        console.print(shown.drawing())
    return captured.get()


def test_plain_lines_tell_what_is_done() -> None:
    shown, written = plain()
    with shown:
        shown.stage_began("build", ["silver.orders"])
        shown.step_began("silver.orders", "prepare")
        shown.table_ended(ORDERS)
        shown.table_ended(TableResult("bronze.orders", "unchanged", books=Books(), chunk="2025-03-02"))
        shown.publication_ended(Publication("gold.a", "redshift", inserted=8912, rows_after=9000))
        shown.publication_ended(Publication("gold.c", "redshift", inserted=2555, deleted=5, rows_after=9000))
        shown.publication_ended(Publication("gold.b", "redshift", error="refused"))
    lines = [line[10:] for line in written.getvalue().replace(THIN_SPACE, " ").splitlines()]
    assert lines == [
        "build: 1 table",
        "silver.orders committed · 4 790 in, 4 551 changed · checks 7/7 · 2.4 s",
        "bronze.orders 2025-03-02 unchanged · 0 in, 0 changed · 0.0 s",
        "gold.a published to redshift · 8 912 rows written",
        "gold.c published to redshift · 2 555 rows written, 5 removed",
        "gold.b not published to redshift",
    ]


def test_a_terminal_shows_one_line_for_each_table_at_work() -> None:
    shown = live()
    assert "starting" in drawn(shown)
    shown.stage_began("build", ["silver.orders", "silver.items"])
    shown.step_began("silver.orders", "prepare")
    shown.step_began("silver.items", "gate")
    head, items, orders = drawn(shown).splitlines()
    assert head.endswith("build 0/2")
    assert items.split()[1:3] == ["silver.items", "gate"]
    assert orders.split()[1:3] == ["silver.orders", "prepare"]
    shown.table_ended(ORDERS)
    assert drawn(shown).splitlines()[0].endswith("build 1/2")
    assert "silver.orders" not in drawn(shown)


def test_one_table_is_published_to_two_warehouses_at_once() -> None:
    shown = live()
    for target in ("snowflake", "redshift"):
        shown.stage_began(publish_stage(target), ["gold.a"])
        shown.publication_began("gold.a", target)
    assert "gold.a → snowflake" in drawn(shown)
    assert "gold.a → redshift" in drawn(shown)
    shown.publication_ended(Publication("gold.a", "snowflake"))
    assert "publish to snowflake 1/1 · publish to redshift 0/1" in drawn(shown)
    assert "gold.a → snowflake" not in drawn(shown)


def test_a_terminal_is_left_as_it_was() -> None:
    shown = live()
    with shown:
        shown.stage_began("build", ["silver.orders"])
    written = shown.console.file
    assert isinstance(written, io.StringIO)
    assert written.getvalue().count("\x1b[?25l") == written.getvalue().count("\x1b[?25h") == 1


def test_many_threads_may_tell_at_once() -> None:
    shown = live()
    tables = [f"silver.t{number}" for number in range(20)]
    shown.stage_began("build", tables)

    def work(table: str) -> None:
        for step in ("build", "prepare", "gate"):
            shown.step_began(table, step)
            drawn(shown)
        shown.table_ended(TableResult(table, "prepared"))

    threads = [threading.Thread(target=work, args=(table,)) for table in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn(shown).strip().endswith("build 20/20")


def test_who_watches_is_set_for_a_block() -> None:
    shown, _ = plain()
    with watched_by(shown):
        assert watcher() is shown
    assert isinstance(watcher(), LoggingWatcher)
