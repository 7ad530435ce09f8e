"""Prefect's pages of runs, plans, reconciliations and promises in which every word is one text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from flows import sla
from tidemark.backfill.outline import Chunks, Outline
from tidemark.books import Books
from tidemark.control.runs import (
    FilesSummary,
    GateSummary,
    LineageSummary,
    Publication,
    RunSummary,
    SnapshotTaken,
    TableResult,
    Warned,
)
from tidemark.errors import TidemarkError
from tidemark.observe.run_report import markdown as run_page
from tidemark.observe.sla import Judged, Promise
from tidemark.plans.document import PlanDocument, Prediction, Publishing, TablePlan
from tidemark.plans.report import markdown as plan_page
from tidemark.reconcile.found import DifferentRow, Reconciled
from tidemark.reconcile.report import markdown as reconciliation_page

BOOKS = Books(extracted=3, accepted=1, quarantined=2, inserted=1)
BEGAN = datetime(2026, 1, 31, 1)


def of_run(text: str) -> str:
    return run_page(run(text))


def run(text: str) -> RunSummary:
    gate = GateSummary(0, 2, failed=(text,), warnings=(text,), evidence=text)
    failed = TableResult(f"bronze.{text}", "gate failed", books=BOOKS, gate=gate, rejected={text: 2}, error=text)
    tidied = TableResult(f"gold.{text}", "unchanged", files=FilesSummary(9, 3, 10**6, plan=text))
    return RunSummary(
        "0198f3c2-0000-7000-8000-000000000000",
        "daily",
        text,
        date(2026, 1, 31),
        BEGAN,
        status="failed",
        finished_at=BEGAN,
        release=text,
        released=True,
        tables=(failed, tidied),
        published=(Publication(text, text, error=text), Publication(f"gold.{text}", text, inserted=3)),
        warnings=(Warned(f"bronze.{text}", text, next_step=text), Warned(None, text)),
        error=str(TidemarkError(f"{text} is odd", table=f"bronze.{text}", seen=(text,), next_step="look")),
        allowed=(text,),
        job=text,
        lineage=LineageSummary(1, text, waiting=1, why=text),
        snapshot=SnapshotTaken(text, text, 1, 2, 3, 4, retired=(text,)),
    )


def of_plan(text: str) -> str:
    document = plan(text)
    built = document.tables[1:]
    return plan_page(document) + plan_page(document.model_copy(update={"backfill": None, "tables": built}))


def plan(text: str) -> PlanDocument:
    table = TablePlan(
        table=f"bronze.{text}",
        status="gate failed",
        commits=True,
        reads={"column": text, "low": text, "high": text},
        books=BOOKS,
        rejected={text: 2},
        gate=GateSummary(0, 2, failed=(text,), warnings=(text,)),
        ddl=(text,),
        error=text,
        predicted=Prediction(
            samples={"insert": ({text: text},)},
            partitions=(text,),
            publishing=(Publishing(target=text, table=text, upserts=1, deletes=1, why=text),),
        ),
    )
    built = table.model_copy(update={"table": f"gold.{text}", "computed": text, "inputs": {text: 1}, "gate": None})
    whole = Outline(
        backfill_id="b",
        start=date(2026, 1, 1),
        end=date(2026, 1, 5),
        chunk="day",
        as_of=None,
        read={table.table: Chunks(to_do=(text,), done=(text,), whole=False)},
        left_alone={text: text},
        build=(text,),
    )
    return PlanDocument(
        plan="0198f3c2-1111-7222-8333-444455556666",
        environment=text,
        date=date(2026, 1, 31),
        created_at=BEGAN,
        expires_at=BEGAN,
        tables=(table, built),
        warnings=(Warned(text, text), Warned(None, text)),
        backfill=whole,
    )


def of_reconciliation(text: str) -> str:
    return reconciliation_page(reconciled(text))


def reconciled(text: str) -> tuple[Reconciled, ...]:
    row = DifferentRow("changed", {text: text}, {text: (text, None)})
    differs = Reconciled(
        f"gold.{text}", text, f"{text} gold.{text}", "differs", missing=1, changed=1, rows=(3, 3), complete=False,
        columns={text: 1}, differences=(row,), left_out={text: 1}, notes=(text,),
    )  # fmt: skip
    received = Reconciled(f"bronze.{text}", text, f"bronze.{text}", "differs", missing=1)
    apart = Reconciled(f"bronze.{text}", text, text, "not compared", text)
    return differs, received, apart


def of_promises(text: str) -> str:
    return sla.markdown(judged(text))


def judged(text: str) -> tuple[Judged, ...]:
    kept = Judged(Promise(text, "freshness", 3600.0, column=text), 60.0, text, text)
    return kept, Judged(Promise(text, "records", 3.0), 1.0, text, text)


PAGES: dict[str, Callable[[str], str]] = {
    "run": of_run,
    "plan": of_plan,
    "reconciliation": of_reconciliation,
    "promises": of_promises,
}
