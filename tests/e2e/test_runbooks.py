"""The runbooks, followed on one sandbox: trouble is made, the alarm says what the page shows, its commands mend it."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from deltalake import DeltaTable

from sandbox import lifecycle
from sandbox.filling import endpoints_of
from sandbox.home import Home, read_shop, write_shop
from sandbox.processes import Processes
from sandbox.seeding import aws
from tests.support.documented import ROOT
from tests.support.runbooks import FOLDER, Typed, blocks

pytestmark = pytest.mark.timeout(3600)

SCALE = 0.05
FX = "bronze.fx_rates"
SEVERAL = 1200
"""Rows of a batch that are rejected: more than a limit of shares lets pass."""
_RELEASE = re.compile(r"\br([1-9])\b")
BYPASS = "3f2a91c4"
"""The id of a bypass, as the page writes it; the real one comes in its place."""


class Desk:
    """Where somebody sits at night: a folder with the configuration, and the sandbox beside it."""

    def __init__(self) -> None:
        # Not below pytest's own folder, as for `world`.
        self.folder = Path(tempfile.mkdtemp(prefix="tidemark-runbooks-"))
        self.home = self.folder / ".tidemark"
        self.later = 0
        shutil.copytree(ROOT / "config", self.folder / "config")
        self.type(Typed("git init -q", 0))
        self.commit("The tables")

    def type(self, typed: Typed) -> str:
        """What a line says; it has to end as it is told."""
        line = self.named(typed.line)
        line = line.replace(BYPASS, self._bypass()) if BYPASS in line else line
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path}
        answer = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        said = answer.stdout + answer.stderr
        assert answer.returncode == typed.code, f"{line} ended with {answer.returncode}\n{said[-6000:]}"
        return said

    def commit(self, subject: str) -> None:
        """The configuration as it is becomes a revision."""
        identity = "git -c user.name=Ann -c user.email=ann@example.com -c commit.gpgsign=false"
        self.type(Typed(f"git add config && {identity} commit -qm '{subject}'", 0))

    def named(self, text: str) -> str:
        """The text with the releases as they are called here; pages begin at r2."""
        return _RELEASE.sub(lambda found: f"r{int(found[1]) + self.later}", text)

    def tidemark(self, line: str) -> str:
        return self.type(Typed(f"tidemark {line}", 0))

    def put_rates(self, name: str, *rates: dict[str, object]) -> None:
        """A file of FX rates where files are received from."""
        usual: dict[str, object] = {"base_currency": "EUR", "rate": 1.0812, "rate_date": "2025-03-28"}
        usual |= {"published_at": "2025-03-30T16:00:00.000Z"}
        s3 = aws.client(endpoints_of(Processes(Home(self.home))), "s3")
        body = json.dumps([usual | rate for rate in rates]).encode()
        s3.put_object(Bucket=aws.LANDING, Key=f"fx/dt=2025-03-30/{name}", Body=body)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / "config" / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    def stop(self, service: str) -> None:
        Processes(Home(self.home)).stop([service])

    def start(self) -> None:
        self.tidemark(f"sandbox up --scale {SCALE}")

    def _bypass(self) -> str:
        return str(json.loads(self.tidemark("bypass list --all --json"))[0]["id"])


def rejected_rates(desk: Desk) -> None:
    """The bank begins to quote what the contract does not know, every few minutes."""
    first = dt.datetime(2025, 3, 28)
    clocks = (first + dt.timedelta(minutes=number) for number in range(SEVERAL))
    desk.put_rates("stablecoins.json", *({"currency": "USDT", "published_at": f"{at:%FT%T}.000Z"} for at in clocks))


def a_new_column(desk: Desk) -> None:
    """In a source whose shape is frozen."""
    desk.edit("bronze/fx_rates.load.yaml", "tags: ", "evolution: strict\ntags: ")
    desk.put_rates("isk.json", {"currency": "ISK", "fixing": "ECB"})


def forgotten(desk: Desk) -> None:
    """The log as others leave it a month later, without our entries, and a control store that was lost."""
    path = desk.home / "lake" / "bronze" / "fx_rates"
    table = DeltaTable(path)
    for name in ("owner", "reviewed"):
        table.alter.set_table_properties({name: "treasury"}, raise_if_not_exists=False)
    table = DeltaTable(path)
    table.create_checkpoint()
    for entry in (path / "_delta_log").glob("*.json"):
        if int(entry.stem) < table.version():
            entry.unlink()
    with sqlite3.connect(desk.home / "state" / "state.db") as store:
        store.execute("DELETE FROM records WHERE kind = 'table' AND key = ?", (FX,))


def warehouse_down(desk: Desk) -> None:
    lifecycle.advance(desk.home)
    desk.stop("snowflake")


def poisoned(desk: Desk) -> None:
    newest = json.loads(desk.tidemark("state show --json"))["release"]
    desk.later = int(newest["number"]) - 2
    lifecycle.advance(desk.home, poison="unit_prices_times_100")


def mended_at_the_source(desk: Desk) -> None:
    """Snowflake has the right prices: it is filled anew with days that nothing has poisoned."""
    place = Home(desk.home)
    shop = read_shop(place)
    assert shop is not None
    write_shop(place, replace(shop, poison={}))
    desk.stop("snowflake")
    desk.start()


def edit_pattern(desk: Desk) -> None:
    desk.edit("bronze/fx_rates.contract.yaml", '"^[A-Z]{3}$"', '"^[A-Z]{3,4}$"')


def edit_column(desk: Desk) -> None:
    desk.commit("What was changed before")
    column = "- {name: fixing, logicalType: string, physicalType: string}"
    desk.edit("bronze/fx_rates.contract.yaml", "      - name: currency\n", f"      {column}\n      - name: currency\n")


@dataclass(frozen=True)
class Drill:
    """What goes wrong, and what of the page's commands somebody else has to do something before (by how they begin)."""

    page: str
    trouble: Callable[[Desk], None] | None = None
    alarm: tuple[Typed, ...] = ()
    before: dict[str, Callable[[Desk], None]] = field(default_factory=dict)


DRILLS = (
    Drill(
        "error-lane-growth.md",
        rejected_rates,
        (Typed(f"tidemark run --select {FX}", 3),),
        {"tidemark validate": edit_pattern},
    ),
    Drill(
        "schema-drift.md",
        a_new_column,
        (Typed(f"tidemark run --select {FX}", 1),),
        {"tidemark validate": edit_column},
    ),
    Drill("lost-watermark.md", forgotten, (Typed(f"tidemark run --select {FX}", 1),)),
    Drill("backfill.md"),
    Drill(
        "warehouse-down.md",
        warehouse_down,
        (Typed("tidemark run --date 2025-03-31", 1), Typed("tidemark job publish_gold", 1)),
        {"tidemark run --date": Desk.start},
    ),
    Drill("gate-failure.md", poisoned, (Typed("tidemark run --date 2025-04-01", 3),)),
    Drill("rollback.md", before={"tidemark run --date": mended_at_the_source}),
)
ELSEWHERE = ("disaster-recovery.md",)
"""Runbooks that other tests follow."""


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """The sandbox after the run of day 30."""
    made = Desk()
    try:
        made.start()
        made.tidemark("run --date 2025-03-30")
        yield made
    finally:
        lifecycle.down(made.home)
        shutil.rmtree(made.folder, ignore_errors=True)


def test_every_runbook_is_followed() -> None:
    written = {page.name for page in FOLDER.glob("*.md")} - {"README.md", *ELSEWHERE}
    assert {drill.page for drill in DRILLS} == written


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.page)
def test_the_page_says_what_is_seen_and_mends_it(drill: Drill, desk: Desk) -> None:
    if drill.trouble:
        drill.trouble(desk)
    said = "".join(desk.type(each) for each in drill.alarm)
    for block in blocks(FOLDER / drill.page):
        if block.kind == "text":
            seen = replace(block, text=desk.named(block.text))
            assert seen.unseen(said) == [], said[-6000:]
        elif block.kind == "yaml":
            assert all(line.strip() in files(desk) for line in block.lines if not line.startswith("#"))
        else:
            said = "".join(answers(desk, drill, block.typed))


def answers(desk: Desk, drill: Drill, typed: list[Typed]) -> Iterator[str]:
    for each in typed:
        for begins, action in drill.before.items():
            if each.line.startswith(begins):
                action(desk)
        yield desk.type(each)


def files(desk: Desk) -> str:
    """All that the configuration says of bronze."""
    return "\n".join(file.read_text("utf-8") for file in sorted((desk.folder / "config" / "bronze").iterdir()))


def test_a_line_that_nothing_says_would_be_seen() -> None:
    page = FOLDER / "gate-failure.md"
    first = next(block for block in blocks(page) if block.kind == "text")
    said = re.sub(r"…", "x", first.text)
    assert first.unseen(said) == []
    assert first.unseen(said.replace("bronze kept", "bronze lost")) != []
