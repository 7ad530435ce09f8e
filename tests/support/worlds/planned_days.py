"""`python -m tests.support.worlds.planned_days DAYS`: days of the shop, each planned and then run, told as JSON.

The day's run is the plan, applied, or a daily run in its stead, by turns.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cli.console.options import CONFIG, LOCAL, environment_of
from cli.console.prefect_api import use_prefect
from sandbox import lifecycle
from sandbox.home import Home, read_shop
from tidemark.aws.folder import open_folder
from tidemark.control.runs import RunStore, RunSummary
from tidemark.plans import store


def main(days: int) -> None:
    environment = environment_of(LOCAL, CONFIG)
    use_prefect(environment)
    from flows.apply import apply
    from flows.daily import daily
    from flows.plan import plan

    home = Path(environment.home)
    shop = read_shop(Home(home))
    assert shop is not None, "the sandbox is not up"
    day, told = shop.date, []
    for number in range(days):
        made = plan(date=day)
        document = store.load(open_folder(environment.roots.staging), made)
        assert document is not None
        predicted = {
            "tables": {
                each.table: [each.books.to_json(), dict(each.rejected)] for each in document.tables if each.books
            },
            "published": {
                f"{each.target} {each.table}": [each.upserts, each.deletes]
                for each in document.publishing
                if each.upserts or each.deletes
            },
        }
        if number % 2 == 0:
            apply(made)
        else:
            daily(date=day)
        (summary,) = RunStore(open_folder(environment.roots.runs)).latest(1)
        told.append(
            {"day": day.isoformat(), "flow": summary.flow, "predicted": predicted, "happened": happened(summary)}
        )
        day = lifecycle.advance(home)
    sys.stdout.write(json.dumps(told) + "\n")


def happened(summary: RunSummary) -> dict[str, Any]:
    """What the run did, in the words of the prediction."""
    return {
        "tables": {each.table: [each.books.to_json(), dict(each.rejected)] for each in summary.tables if each.books},
        "published": {
            f"{each.target} {each.table}": [each.inserted, each.deleted]
            for each in summary.published
            if each.inserted or each.deleted
        },
    }


if __name__ == "__main__":
    main(int(sys.argv[1]))
