"""`make demo`: the main job twice on the sandbox, by the commands a person types, and then where to look."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from sandbox.home import ShopState

console = Console(highlight=False)


def main() -> int:
    """Runs the demo; the exit code of the first command that fails, else 0."""
    home = Path(os.environ.get("TIDEMARK_HOME", ".tidemark"))
    began = time.monotonic()
    try:
        _tidemark("sandbox", "up")
        first = _shop(home)
        _tidemark("run", "--date", first.date.isoformat())
        _tidemark("sandbox", "advance")
        second = _shop(home)
        written = _write_ledger(home, first.days, second.days)
        _tidemark("run", "--date", second.date.isoformat())
    except subprocess.CalledProcessError as failed:
        return failed.returncode
    seconds = time.monotonic() - began
    if written.wait():
        return written.returncode
    _say_where_to_look(home, seconds)
    return 0


def _tidemark(*arguments: str) -> None:
    console.print(f"\n[bold]$ tidemark {' '.join(arguments)}[/bold]")
    subprocess.run([sys.executable, "-m", "cli.main", *arguments], check=True)


def _write_ledger(home: Path, *runs: int) -> subprocess.Popen[bytes]:
    """What tables must hold after runs on these days, written while the second of them goes on."""
    command = [sys.executable, "-m", "sandbox.ledger", str(home), *map(str, runs)]
    return subprocess.Popen(["nice", "-n", "19", *command])


def _shop(home: Path) -> ShopState:
    """The shop as it stands."""
    from sandbox.home import Home, read_shop

    shop = read_shop(Home(home))
    if shop is None:
        raise FileNotFoundError(f"{home} has no shop")
    return shop


def _say_where_to_look(home: Path, seconds: float) -> None:
    newest = max((home / "runs").glob("*.json"), key=lambda path: path.stat().st_mtime)
    run_id = json.loads(newest.read_text("utf-8"))["run_id"]
    print_whole(f"\nThe demo took {seconds / 60:.1f} minutes. Where to look:\n")
    for line in where_to_look(_from_here(home), run_id, _prefect(home), console.width):
        print_whole(line)
    print_whole("\nNext: tidemark sandbox advance, then tidemark run --date <the day it tells>; tidemark sandbox down")


def where_to_look(home: Path, run_id: str, prefect: str, width: int) -> list[str]:
    """What is where after the demo, with the commands that show it: paths and commands are whole, however long."""
    places = {
        "tables": (f"{home}/lake/{{bronze,silver,gold}}/…", "tidemark ls"),
        "rejected rows": (f"{home}/lake/_errors/…", f"tidemark errors list --run {run_id[:8]}"),
        "check results": (f"{home}/dq_results/<layer>/<table>/{run_id}.json",),
        "run summaries": (f"{home}/runs/*.json", f"tidemark runs show {run_id[:8]}"),
        "Prefect": (prefect,),
        "the truth": (f"{home}/sandbox/ledger/…", "(what the shop says every table must hold)"),
    }
    column = max(map(len, places)) + 3
    is_beside = all(column + len(place) <= width for told in places.values() for place in told)
    lines = []
    for what, told in places.items():
        if is_beside:
            lines += [f"{name:<{column}}{place}" for name, place in zip((what, *[""] * len(told)), told, strict=False)]
        else:
            lines += [what, *(f"  {place}" for place in told)]
    return lines


def print_whole(line: str) -> None:
    """Prints a line as it is: only the terminal breaks it, and whoever copies it has all of it."""
    console.print(line, markup=False, soft_wrap=True)


def _from_here(home: Path) -> Path:
    """The folder as it is called from the folder that this was typed in, where that is around it."""
    here = Path.cwd()
    return home.absolute().relative_to(here) if home.absolute().is_relative_to(here) else home


def _prefect(home: Path) -> str:
    lines = (home / "sandbox" / "endpoints.env").read_text("utf-8").splitlines()
    ports = dict(line.split("=", 1) for line in lines if "=" in line)
    return f"http://127.0.0.1:{ports.get('SANDBOX_PREFECT_PORT', '?')}"


if __name__ == "__main__":
    sys.exit(main())
