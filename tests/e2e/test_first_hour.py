"""The first hour as its page tells it: its own commands, in an empty folder, by somebody who has nothing else."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.documented import ROOT, commands

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "first-hour.md"
_FILE = re.compile(r"Write `([^`]+)`:\n\n```sql\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
DAYS, SUPPLIERS, TRIPS = 15, 20, 400
FIRST = dt.datetime(2025, 1, 1)


def write_files(folder: Path) -> None:
    """Suppliers, trips and weather, as somebody might have them."""
    rows = [f"SUP-{number:03};Firm {number};who{number}@firm.example;{country(number)}" for number in range(SUPPLIERS)]
    (folder / "suppliers.csv").write_text("\n".join(["Supplier ID;Name;Contact Email;Country", *rows, ""]), "utf-8")
    trips = pa.table(
        {
            "trip_id": pa.array(range(TRIPS)),
            "supplier_id": [f"SUP-{number % SUPPLIERS:03}" for number in range(TRIPS)],
            "picked_up_at": [FIRST + dt.timedelta(minutes=47 * number) for number in range(TRIPS)],
            "fare": pa.array([1 + number % 50 for number in range(TRIPS)], pa.int32()),
        }
    )
    pq.write_table(trips, folder / "trips.parquet")
    days = [{"day": f"2025-01-{day:02}", "temperature": day / 4, "wind": {"kmh": day}} for day in range(1, DAYS + 1)]
    (folder / "weather.json").write_text(json.dumps(days), "utf-8")


def country(number: int) -> str:
    return "DE" if number % 2 else "FR"


def expected() -> dict[tuple[str, str], tuple[float, int, int]]:
    """The gold table by hand: of each day and country the temperature, the trips and their fares."""
    found: dict[tuple[str, str], tuple[float, int, int]] = {}
    for number in range(TRIPS):
        day = (FIRST + dt.timedelta(minutes=47 * number)).date()
        _, trips, fares = found.get((str(day), country(number % SUPPLIERS)), (0.0, 0, 0))
        found[str(day), country(number % SUPPLIERS)] = (day.day / 4, trips + 1, fares + 1 + number % 50)
    return found


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a person's shell has: the installed commands, a Prefect of its own, and nothing of the repository."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIDEMARK_", "PREFECT_", "AWS_"))}
    return kept | {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), kept["PATH"])),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def test_ten_commands_to_a_gold_table(tmp_path: Path, environment: dict[str, str]) -> None:
    folder = tmp_path / "a shop of mine"  # with blanks in its path
    folder.mkdir()
    write_files(folder)
    typed = [command for command in commands(PAGE) if command.words[:3] != ["prefect", "server", "stop"]]
    assert len(typed) <= 10
    files = dict(_FILE.findall(PAGE.read_text("utf-8")))
    assert files
    try:
        for command in typed:
            for name, text in files.items():
                if (folder / "config").is_dir():
                    (folder / name).parent.mkdir(exist_ok=True)
                    (folder / name).write_text(text, "utf-8")
            done = run(command.line, folder, environment)
            assert done.returncode == 0, f"{command.line}\n{done.stdout}\n{done.stderr}"
        shown = run("tidemark show gold.trips_by_day --limit 1000 --json", folder, environment)
        found = {
            (row["day"], row["country"]): (row["temperature"], row["trips"], row["fares"])
            for row in json.loads(shown.stdout)["rows"]
        }
        assert found == expected()
        again = run("tidemark run --json", folder, environment)
        assert again.returncode == 0
        report = json.loads(again.stdout)
        assert {table["books"]["inserted"] for table in report["tables"]} <= {0}
        assert run("tidemark ls", folder, environment).returncode == 0
    finally:
        run("prefect server stop", folder, environment)
    assert not list(folder.glob("*.log"))
    shutil.rmtree(folder)


def run(line: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
