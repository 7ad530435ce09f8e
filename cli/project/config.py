"""Commands about configuration and machine: validate, ddl, schema, doctor, config sign and from-terraform."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.console.options import (
    CONFIG,
    LOCAL,
    ConfigOption,
    DebugOption,
    EnvOption,
    JsonOption,
    SelectOption,
    environment_of,
    selection,
)
from cli.console.output import columns, show, show_json, show_lines
from cli.console.output import write as write_out
from tidemark.advice import addressed

files = typer.Typer(help="The configuration's own files.", no_args_is_help=True)

STANDARD_INPUT = "-"


class DialectName(StrEnum):
    """What `ddl` can write."""

    delta = "delta"
    snowflake = "snowflake"
    redshift = "redshift"


def validate(
    env: EnvOption = LOCAL, config: ConfigOption = CONFIG, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Looks for everything wrong in the configuration that can be found without running it."""
    from dataclasses import asdict

    from tidemark.config.files.source import digest, local_folder
    from tidemark.errors import ConfigError
    from tidemark.lint import lint

    findings = lint(config, env)
    wrong = [finding for finding in findings if finding.severity == "error"]
    if as_json:
        told = {"valid": not wrong, "findings": [asdict(finding) for finding in findings]}
        show_json(told | {"sha256": digest(local_folder(config))})
    else:
        for finding in findings:
            show_lines(f"{finding.severity}: {finding}".split("\n"))
        show(f"{config} ({env}): {_counted(wrong, 'error')}, {_counted(findings[len(wrong) :], 'warning')}")
    if wrong:
        raise typer.Exit(ConfigError.exit_code)


def _counted(found: Sequence[object], noun: str) -> str:
    return f"{len(found)} {noun}{'' if len(found) == 1 else 's'}"


def ddl(
    dialect: Annotated[DialectName, typer.Option("--dialect", help="Whose SQL to write.")],
    select: SelectOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    debug: DebugOption = False,
) -> None:
    """The schemas, tables, keys and comments that the contracts mean, as a script that can be run again."""
    from tidemark.compile.script import script
    from tidemark.config.project import load_project

    project = load_project(config, env)
    for statement in script([project.table(name) for name in project.select(selection(select))], dialect.value):
        write_out(f"{statement};\n\n")


def schema(
    kind: Annotated[str | None, typer.Argument(help="Of which files: contract, load, env, jobs or test.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Write all of them into the configuration's folder.")] = False,
    config: ConfigOption = CONFIG,
    debug: DebugOption = False,
) -> None:
    """JSON Schemas of the configuration's files, by which an editor completes and checks them."""
    from tidemark.config import schemas
    from tidemark.config.files.source import local_folder
    from tidemark.errors import ConfigError, choose

    if write:
        for path in schemas.write(local_folder(config)):
            show(f"wrote {path}")
    elif kind is None:
        raise ConfigError("say of which files", next_step=f"tidemark schema {'|'.join(schemas.MODELS)}, or --write")
    elif kind not in schemas.MODELS:
        raise ConfigError(f"there are no files of the kind `{kind}`", next_step=choose(kind, schemas.MODELS))
    else:
        write_out(schemas.text(kind))


def doctor(
    env: EnvOption = LOCAL, config: ConfigOption = CONFIG, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Is this machine able to run: everything a run needs, and how to mend what is missing."""
    from dataclasses import asdict

    from cli.doctor import examine

    findings = list(examine(environment_of(env, config)))
    if as_json:
        show_json([asdict(finding) for finding in findings])
    else:
        table = columns("", "", "")
        for finding in findings:
            table.add_row("ok" if finding.ok else "NO", finding.name, finding.seen)
            if not finding.ok and finding.fix:
                table.add_row("", "", f"→ {addressed(finding.fix)}")
        show(table)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@files.command("sign")
def sign(
    key: Annotated[Path, typer.Option("--key", help="A private key of Ed25519: a file in PEM, without a passphrase.")],
    config: ConfigOption = CONFIG,
    debug: DebugOption = False,
) -> None:
    """Signs the configuration's files, for prefixes of S3 that are held to a key, and prints the key's public half."""
    from tidemark.aws.settings import is_uri
    from tidemark.config.files import signature
    from tidemark.config.files.source import digest, local_folder
    from tidemark.errors import ConfigError

    if is_uri(config):
        raise ConfigError(f"{config} is not signed from here", next_step="name the checkout's folder (--config)")
    if not key.is_file():
        raise ConfigError(f"there is no key {key}", next_step=f"openssl genpkey -algorithm ed25519 -out {key}")
    folder = local_folder(config)
    signed, public = signature.sign(digest(folder, signature.FILE), key.read_bytes())
    (folder / signature.FILE).write_text(f"{signed}\n", encoding="utf-8")
    show(f"ed25519={public}")


@files.command("from-terraform")
def from_terraform(
    outputs: Annotated[
        str, typer.Argument(help="What `terraform output -json` printed: a file, or - for standard input.")
    ] = STANDARD_INPUT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Names and ARNs that Terraform made, written into the file of their environment; comments and order stay."""
    from dataclasses import asdict

    from tidemark.aws.settings import is_uri
    from tidemark.config import infrastructure
    from tidemark.errors import ConfigError

    if is_uri(config):
        raise ConfigError(f"{config} is not written to from here", next_step="name the checkout's folder (--config)")
    if outputs != STANDARD_INPUT and not Path(outputs).is_file():
        raise ConfigError(f"there is no file {outputs}", next_step="terraform output -json > outputs.json")
    text = sys.stdin.read() if outputs == STANDARD_INPUT else Path(outputs).read_text("utf-8")
    told = infrastructure.outputs(text)
    changes = infrastructure.write(Path(config), told, dry_run=dry_run)
    if as_json:
        show_json([asdict(change) for change in changes])
        return
    for change in changes:
        show(str(change))
    if not changes:
        show(f"env/{told['name']}.yaml says it all already")
