"""A plan as people read it."""

from __future__ import annotations

from datetime import date, datetime

from rich.console import Console

from tidemark.backfill.outline import Chunks, Outline
from tidemark.books import Books
from tidemark.control.runs import GateSummary, Warned
from tidemark.observe.run_report import THIN_SPACE
from tidemark.plans.document import PlanDocument, Prediction, Publishing, TablePlan
from tidemark.plans.report import markdown, render

ORDERS = TablePlan(
    table="bronze.orders",
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
    table="gold.sales",
    status="prepared",
    batch_id="b2",
    commits=True,
    computed="its query, load file or contract changed",
    inputs={"silver.orders": 7},
    version=5,
    books=Books(5000, 5000, inserted=10, updated=4, unchanged=4986, vanished=2),
    gate=GateSummary(5, 6, warnings=("row count > 9",)),
    ddl=("ALTER TABLE gold.sales ADD COLUMNS (`net` INT)",),
    predicted=Prediction(publishing=(Publishing(target="snowflake", table="gold.sales", upserts=14, deletes=2),)),
)
FX = TablePlan(table="silver.fx", status="unchanged", computed="nothing", version=2, books=Books())
PLAN = PlanDocument(
    plan="0198f3c2-1111-2222",
    environment="local",
    date=date(2026, 1, 31),
    created_at=datetime(2026, 1, 31, 6),
    expires_at=datetime(2026, 2, 1, 6),
    tables=(ORDERS, FX, SALES),
    warnings=(Warned("gold.sales", "row count > 9"),),
)

SHOWN = """\
plan 2026-01-31 · local · 0198f3c2

layer   table      in   +new  ~changed  -deleted  =same  rejected  superseded  gate      computed from
bronze  orders  4 812  4 790         0         0      0        19           3  ok 9/9    updated_at [2026-01-29
                                                                                         23:00:00, 2026-01-30 22:15:00]
silver  fx          0      0         0         0      0         0           0  –         nothing
gold    sales   5 000     10         4         2  4 986         0           0  warn 5/6  its query, load file or
                                                                                         contract changed

warnings
  gold.sales: row count > 9

rows rejected
  bronze.orders: 12 status.enum, 7 email.pattern

keys, for instance
  bronze.orders: + ORD-1/2

partitions
  bronze.orders: day=2026-01-30

built anew
  gold.sales: its query, load file or contract changed

input versions
  gold.sales: silver.orders 7

DDL
  ALTER TABLE gold.sales ADD COLUMNS (`net` INT)

warehouses get
  snowflake gold.sales: 14 rows written, 2 removed

tidemark apply 0198f3c2 commits just this, until 2026-02-01 06:00 UTC, if nothing moves
"""


def printed(document: PlanDocument, width: int = 120) -> str:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(render(document))
    return "\n".join(line.rstrip() for line in captured.get().replace(THIN_SPACE, " ").splitlines())


def test_the_plan_says_what_a_run_would_do() -> None:
    assert printed(PLAN) == SHOWN.rstrip()


def test_prefect_gets_the_same_as_markdown() -> None:
    lines = markdown(PLAN).replace(THIN_SPACE, " ").splitlines()
    assert lines[0] == "### plan 2026-01-31 · local · 0198f3c2"
    assert "| bronze | orders | 4 812 | 4 790 | 0 | 0 | 0 | 19 | 3 | ok 9/9 | updated_at" in "\n".join(lines)
    assert "- `` ALTER TABLE gold.sales ADD COLUMNS (`net` INT) ``" in lines
    assert next(line for line in lines if line.startswith("**")).startswith(
        "**tidemark apply 0198f3c2 commits just this"
    )
    assert lines[-2:] == ["prefect deployment run 'apply/apply.local' --param 'plan=\"0198f3c2\"'", "```"]
    places = [lines.index(heading) for heading in ("## warnings", "## rows rejected", "## DDL")]
    assert places == sorted(places)
    (header,) = [number for number, line in enumerate(lines) if line.startswith("| layer")]
    assert places[1] < header < places[2], "what is wrong comes first, then the tables, then the rest"


def test_a_backfill_is_told_chunk_by_chunk_and_cannot_be_applied() -> None:
    outline = Outline(
        backfill_id="b",
        start=date(2026, 1, 1),
        end=date(2026, 1, 5),
        chunk="day",
        as_of=None,
        read={"bronze.orders": Chunks(to_do=("2026-01-04", "2026-01-05"), done=("2026-01-03",), whole=False)},
        left_alone={"bronze.log": "has no keys"},
        build=("gold.sales",),
    )
    again = ORDERS.model_copy(update={"reads": {"again": ORDERS.reads}})
    document = PLAN.model_copy(update={"backfill": outline, "tables": (again, SALES)})
    text = printed(document)
    assert "2026-01-01 to 2026-01-05 by day\n" in text
    assert "bronze.orders  read again: 2 × day (2026-01-04, 2026-01-05); 1 of 3 are done\n" in text
    assert "bronze.log     left alone: it has no keys\n" in text
    assert "updated_at [2026-01-29" in text
    assert text.endswith("the same backfill with --yes (in Prefect: confirmed) does this, chunk by chunk")
    assert PlanDocument.from_json(document.to_json()) == document


def test_a_plan_without_changes_says_so() -> None:
    assert printed(PLAN.model_copy(update={"tables": (FX,)})).endswith("nothing changes")


def test_a_plan_that_did_not_pass_says_why_it_cannot_be_applied() -> None:
    failed = SALES.model_copy(
        update={"status": "gate failed", "gate": GateSummary(5, 6, failed=("row count > 9: was 3",))}
    )
    text = printed(PLAN.model_copy(update={"tables": (ORDERS, failed)}))
    assert "checks that fail\n  gold.sales: row count > 9: was 3" in text
    assert "failed 5/6" in text
    assert text.endswith("it cannot be applied: gold.sales did not pass")


def test_what_is_read_of_a_source_is_told_by_its_kind() -> None:
    def told(**reads: object) -> str:
        return markdown(PLAN.model_copy(update={"tables": (ORDERS.model_copy(update={"reads": reads}),)}))

    assert r"updated_at (…, 2026-01-30 22:15:00\]" in told(
        column="updated_at", low=None, high="2026-01-30T22:15:00.000000"
    )
    assert "3 files" in told(files=3, digest="x")
    assert "the whole source" in told(full=True, as_of="2026-01-31")
