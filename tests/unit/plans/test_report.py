"""A plan as people read it."""

from __future__ import annotations

from datetime import date

import pytest
from rich.console import Console

from tests.support.golden.plans import FX, ORDERS, PLAN, REFUSED, SALES
from tidemark.backfill.outline import Chunks, Outline
from tidemark.observe.run_report import THIN_SPACE
from tidemark.plans.document import PlanDocument
from tidemark.plans.report import markdown, render


def printed(document: PlanDocument, width: int = 120) -> str:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(render(document))
    return "\n".join(line.rstrip() for line in captured.get().replace(THIN_SPACE, " ").splitlines())


def test_prefect_gets_the_same_as_markdown() -> None:
    lines = markdown(PLAN).replace(THIN_SPACE, " ").splitlines()
    assert lines[0] == "### plan 2026-01-31 · local · 0198f3c2"
    assert "| bronze.snowflake_orders | ok 9/9 | 4 812 | 4 790 | 0 | 0 | 0 | 19 | 3 | updated_at" in "\n".join(lines)
    assert "- `` ALTER TABLE gold.fact_sales ADD COLUMNS (`net` INT) ``" in lines
    assert next(line for line in lines if line.startswith("**")).startswith(
        "**tidemark apply 0198f3c2 commits just this"
    )
    assert lines[-2:] == ["prefect deployment run 'apply/apply.local' --param 'plan=\"0198f3c2\"'", "```"]
    places = [lines.index(heading) for heading in ("#### warnings", "#### rows rejected", "#### DDL")]
    assert places == sorted(places)
    (header,) = [number for number, line in enumerate(lines) if line.startswith("| table | gate")]
    assert places[1] < header < places[2], "what is wrong comes first, then the tables, then the rest"


def test_a_backfill_is_told_chunk_by_chunk_and_cannot_be_applied() -> None:
    outline = Outline(
        backfill_id="b",
        start=date(2026, 1, 1),
        end=date(2026, 1, 5),
        chunk="day",
        as_of=None,
        read={ORDERS.table: Chunks(to_do=("2026-01-04", "2026-01-05"), done=("2026-01-03",), whole=False)},
        left_alone={"bronze.log": "has no keys"},
        build=("gold.fact_sales",),
    )
    again = ORDERS.model_copy(update={"reads": {"again": ORDERS.reads}})
    document = PLAN.model_copy(update={"backfill": outline, "tables": (again, SALES)})
    text = printed(document, width=160)
    assert "2026-01-01 to 2026-01-05 by day\n" in text
    assert "bronze.snowflake_orders  read again: 2 × day (2026-01-04, 2026-01-05); 1 of 3 are done\n" in text
    assert "bronze.log               left alone: it has no keys\n" in text
    assert "updated_at [2026-01-29" in text
    assert text.endswith("the same backfill with --yes (in Prefect: confirmed) does this, chunk by chunk")
    assert PlanDocument.from_json(document.to_json()) == document


def test_a_plan_without_changes_says_so() -> None:
    assert printed(PLAN.model_copy(update={"tables": (FX,)})).endswith("nothing changes")


def test_a_plan_that_did_not_pass_says_why_it_cannot_be_applied() -> None:
    text = printed(REFUSED)
    assert "checks that fail\n  gold.fact_sales: row count > 9: was 3" in text
    assert "failed 5/6" in text
    assert text.endswith("it cannot be applied: gold.fact_sales did not pass")


def test_what_is_read_of_a_source_is_told_by_its_kind() -> None:
    def told(**reads: object) -> str:
        return markdown(PLAN.model_copy(update={"tables": (ORDERS.model_copy(update={"reads": reads}),)}))

    assert r"updated_at (…, 2026-01-30 22:15:00\]" in told(
        column="updated_at", low=None, high="2026-01-30T22:15:00.000000"
    )
    assert "3 files" in told(files=3, digest="x")
    assert "the whole source" in told(full=True, as_of="2026-01-31")


@pytest.mark.parametrize(
    ("rejected", "new", "told"),
    [
        ({"status.enum": 12, "email.pattern": 7}, 19, "12 status.enum, 7 email.pattern"),
        ({"status.enum": 12, "email.pattern": 7}, None, "12 status.enum, 7 email.pattern"),
        ({"status.enum": 3}, 3, "19 rows, 3 new in the error lane: 3 status.enum"),
        ({}, 0, "19 rows, none new in the error lane"),
    ],
)
def test_rejected_rows_that_the_error_lane_has_are_told_apart(
    rejected: dict[str, int], new: int | None, told: str
) -> None:
    orders = PLAN.tables[0].model_copy(update={"rejected": rejected, "newly_rejected": new})
    lines = markdown(PLAN.model_copy(update={"tables": (orders,)})).replace(THIN_SPACE, " ").splitlines()
    assert lines[lines.index("#### rows rejected") + 2] == f"- `bronze.snowflake_orders: {told}`"
