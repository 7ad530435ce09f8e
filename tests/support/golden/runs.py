"""Summaries of runs, made by hand: all is well, rows were rejected, a gate failed, a commit was taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import partial

from cli.reports import show_list, show_summary
from tidemark.books import Books
from tidemark.control.runs import (
    GateSummary,
    LineageSummary,
    Publication,
    RunSummary,
    TableResult,
    Warned,
)

ORDERS = TableResult(
    "bronze.snowflake_orders",
    "committed",
    seconds=3.14,
    books=Books(4812, 4790, 19, 3, inserted=4790),
    gate=GateSummary(9, 9),
    rejected={"status.enum": 12, "email.pattern": 5, "unit_price.minimum": 2},
)
FX = TableResult(
    "bronze.fx_rates",
    "committed",
    seconds=1.2,
    books=Books(821, 798, 17, 6, unchanged=798),
    gate=GateSummary(5, 5),
    rejected={"rate.minimum": 11, "currency.pattern": 4, "rate_date.required": 2},
)
ACTIVITY = TableResult(
    "silver.customer_activity",
    "committed",
    seconds=4.4,
    books=Books(98_127, 36_800, 0, 61_327, updated=4_100, unchanged=32_700),
    gate=GateSummary(6, 6),
)
EVENTS = TableResult(
    "gold.fact_order_events",
    "committed",
    seconds=61.7,
    books=Books(1_432_100, 1_432_100, 0, 0, inserted=1_431_000, unchanged=1_100),
    gate=GateSummary(6, 6),
)
QUIET = RunSummary(
    run_id="0198f3c2-1111-7222-8333-444455556666",
    flow="daily",
    environment="local",
    date=date(2026, 1, 31),
    started_at=datetime(2026, 1, 31, 6, 0, 0),
    finished_at=datetime(2026, 1, 31, 6, 1, 48),
    status="done",
    release="r31",
    released=True,
    tables=(EVENTS, replace(ORDERS, books=Books(4812, 4812, inserted=4812), rejected={})),
    published=(
        Publication("gold.fact_order_events", "snowflake", 1_431_000, 0, 9_000_000),
        Publication("gold.fact_order_events", "redshift", 1_431_000, 0, 9_000_000),
    ),
    lineage=LineageSummary(14, "/srv/lineage/2026-01-31/0198f3c2.jsonl"),
)
REJECTED = replace(
    QUIET,
    tables=(ORDERS, FX, ACTIVITY, EVENTS),
    warnings=(
        Warned("silver.fx_rates", "freshness 27 h > 26 h", "tidemark check --select silver.fx_rates"),
        Warned("bronze.snowflake_orders", "the source has a new column `gift_note` (string): it was added"),
    ),
)
REFUSED = replace(
    REJECTED,
    status="gate failed",
    release="r30",
    released=False,
    tables=(
        ORDERS,
        ACTIVITY,
        replace(EVENTS, status="gate failed", gate=GateSummary(4, 6, failed=("no gaps", "row count > 0"))),
        TableResult("gold.customer_360", "stopped"),
    ),
    published=(),
    error=(
        "gold.fact_order_events was not committed: 2 of 6 checks failed (gate)\n"
        "  no gaps between the events of an order: was 4, expected 0\n"
        "  row count > 0: was 0\n"
        "  nothing of this run is visible: silver and gold stay at release r30; bronze kept what it received\n"
        "  evidence  /srv/lake/dq_results/gold/fact_order_events/0198f3c2-1111-7222-8333-444455556666.json\n"
        "  next      correct the rows at their source, or the check in the contract, then run again"
    ),
)
TAKEN_BACK = replace(
    QUIET,
    status="failed",
    release="r30",
    released=False,
    tables=(
        replace(ACTIVITY, status="taken back"),
        replace(EVENTS, status="failed"),
        TableResult("gold.customer_360", "stopped"),
    ),
    published=(),
    error=(
        "gold.fact_order_events: the disk is full; nothing of this step was kept (commit)\n"
        "  next      make room (tidemark doctor shows where), then run again"
    ),
)
UNPUBLISHED = replace(
    QUIET,
    status="failed",
    published=(QUIET.published[0], Publication("gold.fact_order_events", "redshift", error="it cannot be reached")),
    error="gold.fact_order_events could not be published to Redshift's shop.example:5439/shop: unreachable (publish)",
)
LISTED = (
    replace(QUIET, run_id="0198f5aa-1111", flow="backfill", release="r33"),
    replace(REFUSED, run_id="0198f4b7-1111"),
    replace(REJECTED, run_id="0198f3c2-1111"),
)
REPORTS: Mapping[str, Callable[[], None]] = {
    "run": partial(show_summary, QUIET),
    "run-rejected": partial(show_summary, REJECTED),
    "run-gate-failed": partial(show_summary, REFUSED),
    "run-taken-back": partial(show_summary, TAKEN_BACK),
    "run-unpublished": partial(show_summary, UNPUBLISHED),
    "runs-list": partial(show_list, LISTED),
}
