"""Writes the ledger of a shop beside it, for people: `python -m sandbox.ledger HOME DAY [DAY …]`, the days of runs."""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox.home import Home, read_shop
from sandbox.ledger import Ledger


def main(home: Path, runs: list[int]) -> Path:
    """Writes what every table must hold after runs on these days of the shop, and says where."""
    shop = read_shop(Home(home))
    if shop is None:
        raise FileNotFoundError(f"{home} has no shop")
    folder = home / "sandbox" / "ledger"
    Ledger(shop.shop(), days=max(runs), runs=runs).write(folder)
    return folder


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(day) for day in sys.argv[2:]])
