"""`tidemark snapshot`: releases in another place, looked at, and back from there when the lake is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.console.options import CONFIG, LOCAL, ConfigOption, DebugOption, EnvOption, JsonOption, environment_of
from cli.console.output import columns, confirm, show, show_json
from tidemark.advice import addressed

if TYPE_CHECKING:
    from tidemark.operations.snapshots.document import Snapshot

snapshot = typer.Typer(
    help="Releases in another place: exported, verified, and restored when the lake is gone.", no_args_is_help=True
)

NameArgument = Annotated[
    str | None, typer.Argument(metavar="SNAPSHOT", help="A snapshot's name or release (r31); the newest if left out.")
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", help="Where snapshots lie: a folder, or s3://…; without a word roots.snapshots."),
]
ReadOption = Annotated[
    bool, typer.Option("--read", help="Read every byte, also of what S3 keeps a checksum of its own of.")
]


@snapshot.command("export")
def export_snapshot(
    release: Annotated[str | None, typer.Option("--release", help="This release (r31), not the newest.")] = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Exports a release to roots.snapshots; only what is not there yet is copied."""
    from cli.console.launch import launch

    launch("snapshot", {"release": release}, env=env, config=config, as_json=as_json, debug=debug)


@snapshot.command("list")
def list_snapshots(
    place: FromOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """The snapshots that there are, newest first."""
    from tidemark.operations.snapshots.place import place_of

    found = place_of(environment_of(env, config), place)
    known, broken = found.every()
    if as_json:
        show_json([each.told_shortly() for each in known[::-1]])
        return
    if known:
        _show(known[::-1])
    elif not broken:
        show(f"no snapshot at {found.root}: {addressed('tidemark snapshot export')} makes one")
    for name in broken:
        show(f"{name} cannot be read: {addressed(f'tidemark snapshot verify {name}')} says why")


@snapshot.command("verify")
def verify_snapshot(
    name: NameArgument = None,
    read: ReadOption = False,
    place: FromOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Looks whether every file of a snapshot is there, with the content that was copied; names those that are not."""
    from dataclasses import asdict

    from tidemark.operations.snapshots.place import place_of
    from tidemark.operations.snapshots.verification import refuse_faults, verify

    found = place_of(environment_of(env, config), place)
    chosen = found.wanted(name)
    faults = verify(found, chosen, read=read)
    if as_json:
        show_json({**chosen.told_shortly(), "faults": [asdict(each) for each in faults]})
    refuse_faults(found, chosen, faults)
    if not as_json:
        show(f"{chosen.name}: all {chosen.files} files are as they were written")


@snapshot.command("restore")
def restore_snapshot(
    name: NameArgument = None,
    of: Annotated[
        str | None, typer.Option("--of", help="The environment that the snapshot is of, where it is another one.")
    ] = None,
    config_into: Annotated[
        str | None, typer.Option("--config-into", help="Write the configuration of then into this folder, too.")
    ] = None,
    read: ReadOption = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    place: FromOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Fills the environment's empty lake and control store with a snapshot; the next run goes on from there."""
    from dataclasses import asdict

    from tidemark.config.project import load_project
    from tidemark.operations.snapshots import restoring
    from tidemark.operations.snapshots.place import place_of

    project = load_project(config, env)
    found = place_of(project.environment, place)
    chosen = found.wanted(name)
    restoring.refuse_unfit(found, chosen, project.environment, of)
    if not yes:
        lake = project.environment.roots.lake
        confirm(f"fill {lake} with the snapshot {chosen.name} of {chosen.made_at} UTC?")
    if config_into is not None:
        restoring.write_config(found, chosen, config_into)
    done = restoring.restore(project, found, chosen, read=read)
    if as_json:
        show_json(asdict(done))
        return
    show(f"restored {done.snapshot}: release {done.release}, {len(done.tables)} tables, {done.files} files")
    for table in done.unknown:
        show(f"{table} is restored, and the configuration does not have it")
    then = "next: tidemark doctor, tidemark show TABLE, then tidemark run, which goes on from the release's watermarks"
    show(addressed(then))


def _show(snapshots: tuple[Snapshot, ...]) -> None:
    from rich.filesize import decimal

    table = columns("snapshot", "made (UTC)", "of", "tables", "files", "size", "", right=("tables", "files", "size"))
    for each in snapshots:
        told = f"{len(each.told)} notes: --json shows them" if each.told else ""
        table.add_row(
            each.name,
            each.made_at.replace("T", " "),
            each.environment,
            str(len(each.tables)),
            str(each.files),
            decimal(each.size),
            told,
        )
    show(table)
