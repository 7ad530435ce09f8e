"""Errors that people meet, each raised by the code that makes it; nothing here says their texts."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from rich.console import Console

from cli.console import options, output
from tasks.guard import explained
from tidemark.aws.secrets import SecretMapping, fetch
from tidemark.backfill.outline import Outline, unconfirmed
from tidemark.books import Books
from tidemark.config.environment import Environment, load_environment
from tidemark.config.jobs import job_named, load_jobs
from tidemark.config.project import load_project
from tidemark.control import bypasses
from tidemark.control.leases import Leases
from tidemark.control.state import SqliteState
from tidemark.delta.table import TargetState
from tidemark.plans import store
from tidemark.write.standing import refuse_lost

CONFIG = Path(__file__).parents[3] / "config"
RUN, OTHER = "0198f3c2-1111-7222-8333-444455556666", "0198f5aa-1111-7222-8333-444455556666"
WIDTH = 120
_CLOCK = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_NOON = datetime(2026, 1, 31, 12)


def every() -> list[str]:
    """The errors as the command line shows them."""
    with tempfile.TemporaryDirectory() as folder:
        texts = [shown(error).replace(folder, "/srv") for error in raised(Path(folder))]
    return [_CLOCK.sub("2026-01-31 12:00:00", text) for text in texts]


def shown(error: BaseException, *, colour: bool = False) -> str:
    """An error on a terminal, as the command line prints it."""
    console = Console(
        width=WIDTH,
        color_system="standard" if colour else None,
        force_terminal=colour,
        highlight=False,
        markup=False,
    )
    with patch.object(output, "stderr", lambda: console), console.capture() as captured:
        output.show_error(error, debug=False)
    return captured.get().rstrip()


def raised(folder: Path) -> Iterator[BaseException]:
    """What was raised, one after another; `folder` is an empty one."""
    state = SqliteState(folder / "state.db")
    shutil.copytree(CONFIG, folder / "config")
    config = folder / "config"
    typed: list[Callable[[], object]] = [
        lambda: options.run_date("31.1.2026"),
        lambda: load_environment(config, "prd"),
        lambda: options.refuse_nowhere(_nowhere(config, folder)),
        lambda: load_project(config, "local").select(["gold.fact_sale"]),
        lambda: job_named(load_jobs(config), "crm_to_bronce"),
        lambda: _misspelt(config),
        lambda: store.find(state, "0198f3c2"),
        lambda: fetch("tidemark/prod/crm", "env", None),
        lambda: SecretMapping({"user": "ann"}, "tidemark/prod/crm")["password"],
        lambda: bypasses.add(
            state, "gold.fact_sales", "row count > 0", who="ann", why="sale", until=datetime(2027, 1, 1), now=_NOON
        ),
        lambda: _second_run(state),
        lambda: Books(100, 90, 5, 4, inserted=90).check("bronze.snowflake_orders"),
        lambda: refuse_lost(
            "bronze.fx_rates",
            "/srv/lake/bronze/fx_rates",
            TargetState(31, {"batch_id": "7c7b0a3e-1111-5222-8333-444455556666"}, lost=True),
        ),
    ]
    yield from map(_error_of, typed)
    yield unconfirmed(
        Outline(
            backfill_id="b",
            start=_NOON.date(),
            end=_NOON.date(),
            chunk="day",
            as_of=None,
            read={},
            left_alone={},
            build=("gold.fact_sales",),
        )
    )
    yield explained(OSError("java.io.IOException: No space left on device"), "gold.fact_sales", "prepare")
    yield explained(ValueError("nobody foresaw this"), "gold.fact_sales", "prepare")
    yield RuntimeError("nobody foresaw this either")


def _error_of(action: Callable[[], object]) -> BaseException:
    try:
        action()
    except Exception as error:
        return error
    raise AssertionError("it raised nothing")


def _nowhere(config: Path, folder: Path) -> Environment:
    """An environment whose lake was never made."""
    with patch.dict(os.environ, {"TIDEMARK_HOME": str(folder / "home")}):
        return load_environment(config, "local")


def _misspelt(config: Path) -> None:
    load = config / "gold" / "fact_sales.load.yaml"
    load.write_text(load.read_text("utf-8").replace("mode: upsert", "mode: upsrt"), "utf-8")
    load_project(config, "local")


def _second_run(state: SqliteState) -> None:
    """A run that meets the lease of another, which lives."""
    for run, process in ((RUN, "host-1:4711"), (OTHER, "host-2:815")):
        Leases(
            state,
            run,
            process,
            lasts=timedelta(minutes=2),
            wait=timedelta(0),
            lives=lambda _: True,
            flow_run="amber-otter",
        ).acquire("gold.fact_sales")
