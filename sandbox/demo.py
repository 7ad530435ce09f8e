"""`make demo`: the main job twice on the sandbox, by the commands a person types, and then where to look."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

console = Console(highlight=False)


def main() -> int:
    """Runs the demo; the exit code of the first command that fails, else 0."""
    home = Path(os.environ.get("TIDEMARK_HOME", ".tidemark"))
    began = time.monotonic()
    try:
        _tidemark("sandbox", "up")
        _tidemark("run", "--date", _today(home))
        _tidemark("sandbox", "advance")
        _tidemark("run", "--date", _today(home))
    except subprocess.CalledProcessError as failed:
        return failed.returncode
    _say_where_to_look(home, time.monotonic() - began)
    return 0


def _tidemark(*arguments: str) -> None:
    console.print(f"\n[bold]$ tidemark {' '.join(arguments)}[/bold]")
    subprocess.run([sys.executable, "-m", "cli.main", *arguments], check=True)


def _today(home: Path) -> str:
    """The shop's last day."""
    from sandbox.home import Home, read_shop

    shop = read_shop(Home(home))
    if shop is None:
        raise FileNotFoundError(f"{home} has no shop")
    return shop.date.isoformat()


def _say_where_to_look(home: Path, seconds: float) -> None:
    places = Table.grid(padding=(0, 3))
    newest = max((home / "runs").glob("*.json"), key=lambda path: path.stat().st_mtime)
    run_id = json.loads(newest.read_text("utf-8"))["run_id"]
    for what, where in {
        "tables": f"{home}/lake/{{bronze,silver,gold}}/… (Delta)",
        "rejected rows": f"{home}/lake/_errors/…            tidemark errors list --run {run_id[:8]}",
        "check results": f"{home}/dq_results/<layer>/<table>/{run_id}.json",
        "run summaries": f"{home}/runs/*.json                tidemark runs show {run_id[:8]}",
        "Prefect": _prefect(home),
        "the truth": f"{home}/sandbox/ledger/… (what the shop says every table must hold)",
    }.items():
        places.add_row(f"[bold]{what}[/bold]", where)
    console.print(f"\nThe demo took {seconds / 60:.1f} minutes. Where to look:\n")
    console.print(places)
    console.print(
        "\nNext: tidemark sandbox advance, then tidemark run --date <the day it tells>; tidemark sandbox down"
    )


def _prefect(home: Path) -> str:
    lines = (home / "sandbox" / "endpoints.env").read_text("utf-8").splitlines()
    ports = dict(line.split("=", 1) for line in lines if "=" in line)
    return f"http://127.0.0.1:{ports.get('SANDBOX_PREFECT_PORT', '?')}"


if __name__ == "__main__":
    sys.exit(main())
