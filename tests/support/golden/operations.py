"""Reports of the error lane, of recovery, erasure, promises, releases, bypasses and contracts, made by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial

from cli.bypass import show_bypasses
from cli.console.output import show
from cli.lake.erase import show_outline
from cli.lake.errors import show_rejected
from cli.lake.recover import show_half_done
from cli.project.contract import show_changes
from cli.reports import show_release
from cli.sla import show_judged
from tidemark.control.bypasses import Bypass
from tidemark.control.commits import Interrupted
from tidemark.control.release import Release
from tidemark.control.state import Record
from tidemark.errorlane.rejects import Reason, RejectedRow
from tidemark.observe.sla import Judged, Promise
from tidemark.operations.erasing.course import Outline
from tidemark.operations.recovery import HalfDone, TableLeft
from tidemark.reconcile import report
from tidemark.reconcile.found import DifferentRow, Reconciled
from tidemark.revisions.difference import Change

RUN = "0198f3c2-1111-7222-8333-444455556666"
REJECTED = [
    RejectedRow(
        "5f2c91d40a7b",
        "bronze.snowflake_orders",
        "2026-01-31",
        RUN,
        (
            Reason("enum", "status", "shiped", "not one of NEW, PAID, SHIPPED"),
            Reason("minimum", "unit_price", "-3.50", "less than 0"),
        ),
        "{}",
        "snowflake SALES.ORDERS",
        "b1",
    ),
    RejectedRow(
        "9a01c3e77f10",
        "bronze.kafka_events",
        "2026-01-31",
        RUN,
        (Reason("required", "event_id", None, "is missing"),),
        "{}",
        "s3a://shop-landing/events/dt=2026-01-31/part-0007.csv.gz line 4812",
        "b2",
    ),
]
BY_RULE = Counter({"status.enum": 12, "event_id.required": 4, "unit_price.minimum": 1})

BEGUN = Interrupted(
    RUN,
    date(2026, 1, 31),
    {"silver.orders": "b1", "gold.fact_orders": "b2", "gold.fact_sales": "b3"},
    flow="daily",
    began_at="2026-01-31T06:01:40",
)
COMMITTED = (
    TableLeft("silver.orders", "committed", 8, 7),
    TableLeft("gold.fact_orders", "committed", 0, None),
)
CAN_BE_ENDED = HalfDone(BEGUN, (*COMMITTED, TableLeft("gold.fact_sales", "not committed", 5, 5)))
LOST = HalfDone(
    Interrupted(
        RUN,
        date(2026, 1, 31),
        BEGUN.batches,
        flow="daily",
        began_at="2026-01-31T06:01:40",
        cause=f"gold.fact_sales: run {RUN} died while it committed, and this batch of it is no longer in staging",
    ),
    (
        *COMMITTED,
        TableLeft(
            "gold.fact_sales",
            "not committed",
            5,
            5,
            against_finishing=(f"run {RUN} died while it committed, and this batch of it is no longer in staging",),
        ),
    ),
)

OUTLINE = Outline(
    rows={
        "bronze.snowflake_customers": 3,
        "bronze.snowflake_orders": 12,
        "silver.customers": 1,
        "gold.customer_360": 1,
    },
    treated={
        "bronze.snowflake_customers": "deleted",
        "bronze.snowflake_orders": "email, phone cleared",
    },
    computed=("silver.customers", "gold.customer_360"),
    rejected=2,
)
JUDGED = (
    Judged(Promise("job daily", "runtime", 14_400), seen=108.4, run_id=RUN),
    Judged(Promise("silver.fx_rates", "freshness", 93_600, column="rate_date"), seen=97_260),
    Judged(Promise("bronze.snowflake_orders", "records", 1000), seen=4812, run_id=RUN, day="2026-01-31"),
    Judged(Promise("gold.customer_360", "freshness", 93_600, column="updated_at")),
)
RELEASE = Release(
    31, RUN, date(2026, 1, 31), datetime(2026, 1, 31, 6, 1), {"bronze.snowflake_orders": 31, "silver.orders": 8}
)
STANDING = (
    Record(
        "bronze.snowflake_orders",
        {"version": 31, "watermark": {"column": "updated_at", "high": "2026-01-30T22:15:00.000000"}, "run_id": RUN},
        1,
    ),
    Record("bronze.fx_rates", {"version": 4, "watermark": {"files": 31}, "run_id": RUN}, 1),
    Record("silver.orders", {"version": 9, "run_id": RUN}, 1),
)
BYPASSES = [
    Bypass(
        "3f2a91c4",
        "gold.fact_sales",
        "net_usd is not negative",
        "ann",
        "returns of the sale, ticket 4711",
        datetime(2026, 1, 31, 6),
        datetime(2026, 2, 14),
        ended_at=datetime(2026, 2, 1, 9),
        ended_by="bob",
    ),
]
CHANGES = (
    Change("gold.fact_sales", "breaking", "type decimal(5,4) became decimal(5,2)", "values are rounded", "discount"),
    Change("gold.fact_sales", "loosened", "may be null now", "readers may meet nulls", "net_usd"),
    Change("gold.dim_date", "compatible", "the table is new", "nobody knows it yet"),
)

RECONCILED = [
    Reconciled(
        "bronze.snowflake_orders", "snowflake SALES.ORDERS", "bronze.snowflake_orders", "equal", rows=(95_210, 95_210)
    ),
    Reconciled(
        "gold.fact_sales",
        "gold.fact_sales",
        "redshift gold.fact_sales",
        "differs",
        rows=(80_114, 80_113),
        missing=1,
        changed=1,
        columns={"net_usd": 1},
        differences=(
            DifferentRow("missing", {"order_id": "ORD-00012345", "line_number": "1"}),
            DifferentRow("changed", {"order_id": "ORD-00012346", "line_number": "2"}, {"net_usd": ("12.5", "12.51")}),
        ),
        read=(320, 320),
    ),
    Reconciled(
        "gold.dim_date",
        "gold.dim_date",
        "snowflake gold.dim_date",
        "not compared",
        reason="there is no such object, or this user may not see it",
    ),
]

REPORTS: Mapping[str, Callable[[], None]] = {
    "reconcile": lambda: show(report.render(RECONCILED)),
    "errors-list": partial(show_rejected, REJECTED, BY_RULE),
    "recover": partial(show_half_done, [CAN_BE_ENDED], as_json=False),
    "recover-lost": partial(show_half_done, [LOST], as_json=False),
    "erase": partial(show_outline, OUTLINE, (), as_json=False),
    "erase-untold": partial(
        show_outline, OUTLINE, ("say in gold.fact_sales.contract.yaml what becomes of its rows",), as_json=False
    ),
    "sla": partial(show_judged, JUDGED),
    "state": partial(show_release, RELEASE, STANDING),
    "bypass-list": partial(show_bypasses, BYPASSES, as_json=False),
    "contract-diff": partial(show_changes, CHANGES, [(CHANGES[0], "raise its version from 1.0.0 to 2.0.0")]),
}
