"""Takes the pictures of Prefect's pages that the docs show, 1280 pixels wide:
`python -m tests.support.deployments.pictures`.

A team's server with everything deployed: a day that is released, of which somebody then changes a row in a warehouse, a
plan of the next one, and the one after it, whose prices are a hundred times too high, so that a gate refuses it. Takes
some minutes; needs chromedriver and its browser.
"""

from __future__ import annotations

import time
from pathlib import Path

from sandbox import lifecycle
from tests.support.browser import Browser, browser
from tests.support.deployments.deployed import POOL, ROOT, Deployed, deployed
from tests.support.worlds import warehouses

FOLDER = ROOT / "docs" / "images"
WIDTH = 1280
SCALE = 0.02
FIRST, SECOND, THIRD = "2025-03-03", "2025-03-04", "2025-03-05"
_SETTLED = 6  # seconds in which a page has drawn its graph
_CONTENT = "document.body.innerText.includes(arguments[0])"


def main() -> None:
    """Makes the world and takes the pictures."""
    with deployed(SCALE) as team, browser(f"--window-size={WIDTH},1000") as window:
        released = _run(team, "daily/daily.local", "COMPLETED", date=FIRST)
        with warehouses.cursor(team.endpoints, "redshift") as cursor:
            cursor.execute("UPDATE gold.fact_sales SET quantity = quantity + 1 WHERE order_id = %s", [_an_order(team)])
        _run(team, "reconcile/reconcile.local", "FAILED")
        lifecycle.advance(team.home)
        _run(team, "plan/plan.local", "COMPLETED", date=SECOND)
        lifecycle.advance(team.home, poison="unit_prices_times_100")
        refused = _run(team, "daily/daily.local", "FAILED", date=THIRD)
        for name, (path, shown, height) in _pages(team, released, refused).items():
            _picture(window, f"{team.endpoints.url('prefect')}{path}", shown, height, FOLDER / f"{name}.png")


def _run(team: Deployed, deployment: str, ends: str, **parameters: str) -> str:
    flow_run = team.start(deployment, **parameters)
    state = team.ended(flow_run, seconds=900)
    assert state["type"] == ends, state["message"]
    return flow_run


def _an_order(team: Deployed) -> str:
    return min(str(row["order_id"]) for row in warehouses.rows(team.endpoints, "redshift", "fact_sales"))


def _pages(team: Deployed, released: str, refused: str) -> dict[str, tuple[str, str, int]]:
    """By the picture's name: the page, a text that it shows once it is there, and its height in pixels."""
    reports = sorted(team.artifacts("markdown"), key=lambda each: str(each["created"]))
    newest = {str(each["key"]): str(each["id"]) for each in reports}
    (summary,) = [each["id"] for each in reports if each["key"] == "tidemark-run-summary" and _of_day(each, FIRST)]
    (gate,) = [each["id"] for each in reports if each["key"] == "tidemark-run-summary" and _of_day(each, THIRD)]
    form = team.deployment("backfill/backfill.local")["id"]
    layers = team.deployment("build-layer/bronze_to_silver.local")["id"]
    return {
        "deployments": ("/deployments", "daily.local", 1500),
        "backfill-form": (f"/deployments/deployment/{form}/run", "Parameters", 2150),
        "build-form": (f"/deployments/deployment/{layers}/run", "Parameters", 1200),
        "run-graph": (f"/runs/flow-run/{released}", "Completed", 560),
        "run-summary": (f"/artifacts/artifact/{summary}", "released as", 1900),
        "plan": (f"/artifacts/artifact/{newest['tidemark-plan']}", "prefect deployment run", 2000),
        "failed-run": (f"/runs/flow-run/{refused}", "Failed", 1000),
        "failed-summary": (f"/artifacts/artifact/{gate}", "gate failed", 1900),
        "reconciliation": (f"/artifacts/artifact/{newest['tidemark-reconciliation']}", "snowflake", 1400),
        "automations": ("/automations", "tidemark", 1200),
        "work-pool": (f"/work-pools/work-pool/{POOL}", POOL, 900),
    }


def _of_day(report: dict[str, str], day: str) -> bool:
    return report["data"].startswith(f"### run {day}")


def _picture(window: Browser, url: str, shown: str, height: int, target: Path) -> None:
    window.resize(WIDTH, height)
    window.open(url)
    window.wait(_CONTENT.replace("arguments[0]", repr(shown)))
    time.sleep(_SETTLED)
    window.screenshot(target)


if __name__ == "__main__":
    main()
