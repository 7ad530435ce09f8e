"""The ledger that the demo points people to is there, and says what the ledger says."""

from __future__ import annotations

import json
from pathlib import Path

from sandbox.home import Home, ShopState, write_shop
from sandbox.ledger import Ledger
from sandbox.ledger.__main__ import main

SHOP = ShopState(seed=7, scale=0.02, start="2025-03-01", days=3)


def test_it_is_written_beside_the_shop(tmp_path: Path) -> None:
    write_shop(Home(tmp_path), SHOP)
    folder = main(tmp_path, [2, 3])
    assert folder == tmp_path / "sandbox" / "ledger"
    ledger = Ledger(SHOP.shop(), days=3, runs=[2, 3])
    written = {path.name for path in folder.iterdir()}
    assert {f"{table}.jsonl" for table in ledger.tables} < written
    rows = (folder / "gold.fact_sales.jsonl").read_text("utf-8").splitlines()
    assert len(rows) == len(ledger.expected("gold.fact_sales")) > 0
    assert json.loads((folder / "summary.json").read_text("utf-8"))["runs"] == [2, 3]
