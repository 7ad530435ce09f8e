"""Plans, made by hand: one that can be applied, one that did not pass, and that of a backfill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime

from cli.console.output import show
from tidemark.backfill.outline import Chunks, Outline
from tidemark.books import Books
from tidemark.control.runs import GateSummary, Warned
from tidemark.plans.document import PlanDocument, Prediction, Publishing, TablePlan
from tidemark.plans.report import render

ORDERS = TablePlan(
    table="bronze.snowflake_orders",
    status="prepared",
    batch_id="b1",
    commits=True,
    reads={"column": "updated_at", "low": "2026-01-29T23:00:00.000000", "high": "2026-01-30T22:15:00.000000"},
    version=4,
    books=Books(4812, 4790, 19, 3, inserted=4790),
    rejected={"status.enum": 12, "email.pattern": 7},
    gate=GateSummary(9, 9),
    predicted=Prediction(samples={"insert": ({"order_id": "ORD-1", "line": "2"},)}, partitions=("day=2026-01-30",)),
)
SALES = TablePlan(
    table="gold.fact_sales",
    status="prepared",
    batch_id="b2",
    commits=True,
    computed="its query, load file or contract changed",
    inputs={"silver.orders": 7},
    version=5,
    books=Books(5000, 5000, inserted=10, updated=4, unchanged=4986, vanished=2),
    gate=GateSummary(5, 6, warnings=("row count > 9",)),
    ddl=("ALTER TABLE gold.fact_sales ADD COLUMNS (`net` INT)",),
    predicted=Prediction(publishing=(Publishing(target="snowflake", table="gold.fact_sales", upserts=14, deletes=2),)),
)
FX = TablePlan(table="silver.fx_rates", status="unchanged", computed="nothing", version=2, books=Books())
PLAN = PlanDocument(
    plan="0198f3c2-1111-7222-8333-444455556666",
    environment="local",
    date=date(2026, 1, 31),
    created_at=datetime(2026, 1, 31, 6),
    expires_at=datetime(2026, 2, 1, 6),
    tables=(ORDERS, FX, SALES),
    warnings=(Warned("gold.fact_sales", "row count > 9"),),
)
REFUSED = PLAN.model_copy(
    update={
        "tables": (
            ORDERS,
            FX,
            SALES.model_copy(
                update={"status": "gate failed", "gate": GateSummary(5, 6, failed=("row count > 9: was 3",))}
            ),
        )
    }
)
BACKFILL = PLAN.model_copy(
    update={
        "backfill": Outline(
            backfill_id="b",
            start=date(2026, 1, 1),
            end=date(2026, 1, 5),
            chunk="day",
            as_of=None,
            read={
                "bronze.snowflake_orders": Chunks(to_do=("2026-01-04", "2026-01-05"), done=("2026-01-03",), whole=False)
            },
            left_alone={"bronze.redshift_behavior": "is appended to without keys"},
            build=("gold.fact_sales",),
        ),
        "tables": (ORDERS, SALES),
        "warnings": (),
    }
)


def _printing(document: PlanDocument) -> Callable[[], None]:
    return lambda: show(render(document))


REPORTS: Mapping[str, Callable[[], None]] = {
    "plan": _printing(PLAN),
    "plan-gate-failed": _printing(REFUSED),
    "plan-backfill": _printing(BACKFILL),
    "plan-nothing": _printing(PLAN.model_copy(update={"tables": (FX,), "warnings": ()})),
}
