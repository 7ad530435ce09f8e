"""Begin: a project of one's own, and a table's files from what there is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console.options import CONFIG, LOCAL, ConfigOption, DebugOption, EnvOption, environment_of
from cli.console.output import show
from tidemark.advice import addressed
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from tidemark.config.connections import ConnectionValue
    from tidemark.config.environment import Environment
    from tidemark.sketch.drafts import Draft

init = typer.Typer(invoke_without_command=True, no_args_is_help=True)
_BRONZE = "bronze"


@init.callback()
def table(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            help="A file or folder (CSV, JSON, Parquet), CONNECTION.OBJECT, or a table's .sql file. Repeatable.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--table", help="What the table is to be called; only with one --from.")
    ] = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    debug: DebugOption = False,
) -> None:
    """Contract and load file of a table, guessed from what there is: types, keys, personal data."""
    if context.invoked_subcommand is not None:
        return
    if not sources:
        raise ConfigError("there is nothing to begin from", next_step="tidemark init --from FILE, or init project")
    if name is not None and len(sources) > 1:
        raise ConfigError("several tables cannot have one name", next_step="leave --table out, or give one --from")
    for source in sources:
        _write(_draft(source, name, env, Path(config)), Path(config))
    show(f"look through them, then: {addressed('tidemark validate')}")


@init.command()
def project(
    folder: Annotated[Path, typer.Argument(help="Where; it may hold other files.")] = Path(),
    debug: DebugOption = False,
) -> None:
    """A project of your own: environment, jobs and schemas; tables come with `init --from`."""
    from tidemark.sketch.project import LANDING, create

    for path in create(folder):
        show(f"wrote {path}")
    show(f"put files into {folder / LANDING}, then: tidemark init --from {LANDING}/FILE")


def _draft(source: str, name: str | None, env: str, config: Path) -> Draft:
    from tidemark.aws.settings import is_uri
    from tidemark.config.project import SQL_SUFFIX
    from tidemark.sketch import places, received

    if is_uri(str(config)) or not config.is_dir():
        raise ConfigError(f"there is no folder {config} to write to", next_step="tidemark init project, or --config")
    environment = environment_of(env, str(config))
    if source.endswith(SQL_SUFFIX):
        return _computed(Path(source), environment, config)
    place = places.place_of(source, environment)
    bare = (name or places.table_name(place)).removeprefix(f"{_BRONZE}.")
    table = f"{_BRONZE}.{bare}"
    _refuse_unfit(bare, table, config)
    return received.draft(table, place, environment, lambda each: _connected(environment, each))


def _computed(path: Path, environment: Environment, config: Path) -> Draft:
    from tidemark.config.project import read_tables
    from tidemark.sketch import computed
    from tidemark.spark.session import build_session

    if not path.is_file():
        raise ConfigError(f"there is no file {path}", next_step="write the query first: SELECT … FROM layer.table")
    table = computed.table_of(path, config)
    _refuse_unfit(table.partition(".")[2], table, config)
    tables = dict(read_tables(config).tables)
    return computed.draft(table, path, tables, build_session(environment))


def _refuse_unfit(bare: str, table: str, config: Path) -> None:
    """Nothing is written over, and a table needs a name that a contract may have."""
    from tidemark.config.contract.properties import NAME

    if not NAME.fullmatch(bare):
        raise ConfigError(f"`{bare}` is no name of a table", next_step="give it one: --table returns")
    layer = table.partition(".")[0]
    there = [each for kind in ("contract", "load") if (each := config / layer / f"{bare}.{kind}.yaml").exists()]
    if there:
        raise ConfigError(f"{there[0]} is there already", next_step="remove it, or give the table a name: --table")


def _connected(environment: Environment, name: str) -> ConnectionValue:
    """The connection as the environment's file says it, with its secret."""
    from tidemark.aws.secrets import fetch
    from tidemark.config.connections import ConnectionValue

    spec = environment.connections[name]
    known = ConnectionValue(name, spec.kind, spec.settings)
    if spec.secret is None:
        return known
    return ConnectionValue(name, spec.kind, spec.settings, fetch(spec.secret, environment.secrets, environment.aws))


def _write(draft: Draft, config: Path) -> None:
    from tidemark.sketch.drafts import contract_text, load_text

    layer, _, bare = draft.table.partition(".")
    folder = config / layer
    folder.mkdir(parents=True, exist_ok=True)
    for kind, text in (("contract", contract_text(draft)), ("load", load_text(draft))):
        (folder / f"{bare}.{kind}.yaml").write_text(text, "utf-8")
    key = f"one row a {', '.join(draft.unique)}" if draft.unique else f"key {', '.join(draft.keys) or 'unknown'}"
    told = [f"{len(draft.columns)} columns", key]
    told += [f"personal: {', '.join(draft.personal)}"] if draft.personal else []
    show(f"wrote {folder / bare}.contract.yaml and .load.yaml: {'; '.join(told)}")
