"""`tidemark test`: tests of tables' queries, given rows against expected ones."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from cli.console.options import (
    CONFIG,
    LOCAL,
    ConfigOption,
    DebugOption,
    EnvOption,
    JsonOption,
    SelectOption,
    selection,
)
from cli.console.output import show, show_json
from tidemark.errors import ConfigError, TidemarkError

if TYPE_CHECKING:
    from tidemark.compute.cases import Outcome, Row


def run_tests(
    select: SelectOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """The tests of tables' queries (`<table>.test.yaml`): over given rows they must give the expected ones."""
    from tidemark.compute.cases import outcomes
    from tidemark.config.cases import SUFFIX, path_of
    from tidemark.config.project import load_project
    from tidemark.spark.session import build_session

    project = load_project(config, env)
    tables = [name for name in project.select(selection(select)) if path_of(project.config_dir, name).is_file()]
    if not tables:
        raise ConfigError(
            "no table that is selected has tests", next_step=f"write <layer>/<table>{SUFFIX}: docs/testing-sql.md"
        )
    spark = build_session(project.environment)
    found = [outcome for name in tables for outcome in outcomes(project, spark, name)]
    failed = [outcome for outcome in found if not outcome.passed]
    if as_json:
        show_json({"passed": not failed, "tests": [asdict(each) | {"passed": each.passed} for each in found]})
    else:
        for outcome in found:
            _show(outcome)
        show(f"{len(found) - len(failed)} passed, {len(failed)} failed")
    if failed:
        raise TidemarkError(
            f"{len(failed)} of {len(found)} tests failed",
            next_step="correct the query, or what is expected of it",
        )


def _show(outcome: Outcome) -> None:
    show(f"{'ok  ' if outcome.passed else 'FAIL'} {outcome.table}: {outcome.name}")
    if outcome.error:
        show(f"     {outcome.error}")
    for word, rows in (("missing", outcome.missing), ("not expected", outcome.unexpected)):
        for row in rows:
            show(f"     {word:<12} {_told(outcome.columns, row)}")


def _told(columns: tuple[str, ...], row: Row) -> str:
    return ", ".join(f"{name}: {'null' if value is None else value}" for name, value in zip(columns, row, strict=True))
