"""`tidemark privacy`: what gold says of people beyond its masks."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.console.options import CONFIG, LOCAL, ConfigOption, DebugOption, EnvOption, JsonOption, selection
from cli.console.output import columns, show, show_json

privacy = typer.Typer(help="What tables say of people beyond their masks.", no_args_is_help=True)


@privacy.callback()
def group() -> None:
    """What tables say of people beyond their masks."""


@privacy.command()
def unique(
    table: Annotated[str, typer.Argument(help="A table: gold.customer_360.")],
    by: Annotated[list[str], typer.Option("--by", help="Columns that somebody may know of a person. Repeatable.")],
    k: Annotated[int, typer.Option("--k", min=2, help="Fewer rows that are alike are few.")] = 5,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Counts in how many rows a combination of columns is the only one, or one of few: such a row is a person."""
    from dataclasses import asdict

    from tidemark.config.project import load_project
    from tidemark.delta.table import read_state, read_version
    from tidemark.errors import ConfigError
    from tidemark.operations.uniqueness import uniqueness
    from tidemark.spark.session import build_session

    project = load_project(config, env)
    layer, name = project.table(table).name.split(".", 1)
    spark, path = build_session(project.environment), f"{project.environment.roots.lake}/{layer}/{name}"
    version = read_state(spark, path).version
    if version is None:
        raise ConfigError(f"{table} has no rows yet", next_step=f"tidemark run --select +{table}")
    found = uniqueness(read_version(spark, path, version), selection(by), k)
    if as_json:
        show_json(asdict(found))
        return
    told = columns("", "rows", "share")
    for label, count in (("in all", found.rows), ("alone", found.alone), (f"with fewer than {k}", found.few)):
        told.add_row(label, f"{count:,}", f"{count / found.rows:.1%}" if found.rows else "")
    show(told)
    show(
        f"{table} by {', '.join(found.columns)}: {found.combinations:,} combinations, the smallest of {found.smallest}"
    )
