"""What was reconciled as people read it: in 60, 80 and 120 columns, and as Markdown."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tidemark.observe.fitting import THIN_SPACE
from tidemark.reconcile.found import DifferentRow, Reconciled
from tidemark.reconcile.report import command, markdown, render

EQUAL = Reconciled(
    "bronze.snowflake_orders", "snowflake SALES.ORDERS", "bronze.snowflake_orders", "equal", None, 7, (95210, 95210),
    left_out={"in the error lane": 19, "not read yet": 1204},
)  # fmt: skip
DIFFERS = Reconciled(
    "gold.fact_sales", "gold.fact_sales", "redshift gold.fact_sales", "differs", None, 12, (1_000_000, 999_999),
    missing=1, changed=2, columns={"net_usd": 2, "status": 1},
    differences=(
        DifferentRow("missing", {"order_id": "ORD-00012345", "line_number": "1"}),
        DifferentRow("changed", {"order_id": "ORD-00012346", "line_number": "2"}, {"net_usd": ("12.5", None)}),
    ),
    notes=("r31 has version 13, the warehouse has version 12: not published yet",), read=(4012, 4011),
)  # fmt: skip
APART = Reconciled(
    "bronze.crm_accounts", "crm", "bronze.crm_accounts", "not compared",
    "its source (rest) cannot be asked for sums; a full refresh reads all of it",
)  # fmt: skip
FOUND = (EQUAL, DIFFERS, APART)
REPORTS = Path(__file__).parent / "reports"


def shown(width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(render(FOUND))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_report_fits_the_terminal(width: int) -> None:
    text = shown(width)
    assert text == (REPORTS / f"reconciled-{width}.txt").read_text("utf-8")
    assert max(map(len, text.splitlines())) <= width


def test_markdown_begins_with_what_differs() -> None:
    text = markdown(FOUND)
    assert text.index("redshift gold.fact_sales") < text.index("bronze.crm_accounts") < text.index("SALES.ORDERS")
    assert "- changed order_id=ORD-00012346, line_number=2: net_usd: 12.5 → null" in text.replace("\\", "")
    lines = text.replace(THIN_SPACE, " ").splitlines()
    header = lines.index("| outcome | upstream | downstream | missing | changed | rows | beside | read again |")
    assert lines[header + 2] == (
        "| differs | gold.fact_sales | redshift gold.fact_sales | 1 | 2 | 1 000 000 | 999 999 | 8 023 |"
    )
    (next_line,) = [number for number, line in enumerate(lines) if line.startswith("next: ")]
    assert "tidemark_releases" in lines[next_line]
    assert next_line < header < lines.index("**crm → bronze.crm_accounts**"), "what is not compared comes last"


def test_what_to_do_depends_on_the_side() -> None:
    assert command([DIFFERS]) == (
        "in redshift: DELETE FROM gold.tidemark_releases WHERE table_name = 'gold.fact_sales', "
        "then tidemark job publish_gold_to_redshift publishes all of it"
    )
    lacking = Reconciled("bronze.x", "snowflake S.X", "bronze.x", "differs", missing=1)
    assert command([lacking]) == "tidemark run --full-refresh --select bronze.x"
    gone = Reconciled("bronze.x", "snowflake S.X", "bronze.x", "differs", extra=1)
    assert command([gone]).startswith("rows that are gone from a source stay in bronze")


def test_it_is_kept_as_json() -> None:
    for each in FOUND:
        assert Reconciled.from_json(json.loads(json.dumps(each.to_json()))) == each


def test_what_a_row_holds_is_text() -> None:
    odd = DifferentRow("missing", {"id": "\x1b[2J](http://x) `|`\nnext: rm"})
    found = Reconciled("bronze.x", "snowflake S.X", "bronze.x", "differs", missing=1, differences=(odd,))
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(render([found]))
    assert isinstance(console.file, io.StringIO)
    assert "\x1b" not in console.file.getvalue()
    assert "\nnext: rm" not in console.file.getvalue()
    assert "\nnext: rm" not in markdown([found])
