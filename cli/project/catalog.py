"""`tidemark catalog`: what there is, where it comes from and how it has been, as a site; without Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.console.options import CONFIG, LOCAL, ConfigOption, DebugOption, EnvOption, JsonOption
from cli.console.output import show, show_json, write

catalog = typer.Typer(help="The catalog of tables, as a static site.", no_args_is_help=True)

FOLDER = "build/catalog"
OutOption = Annotated[Path, typer.Option("--out", help="Folder of the site; an older catalog there is replaced.")]


@catalog.command("build")
def build(
    out: OutOption = Path(FOLDER),
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Makes the site: contracts, columns and where they come from, rows, checks, runs, rejected rows by rule."""
    import time

    from tidemark.catalog.facts import gather
    from tidemark.catalog.record import recorded
    from tidemark.catalog.site import refuse_foreign, write_site
    from tidemark.config.project import load_project
    from tidemark.control.state import state_there

    began = time.monotonic()
    refuse_foreign(out)
    project = load_project(config, env)
    facts = gather(project, state_there(project.environment), recorded(out))
    pages = write_site(facts, out)
    index = (out / "index.html").resolve()
    unreadable = {name: each.profile.unreadable for name, each in facts.tables.items() if each.profile}
    failed = {name: why for name, why in unreadable.items() if why}
    if as_json:
        told = {"index": str(index), "pages": pages, "tables": len(facts.tables), "unreadable": failed}
        show_json(told | {"release": facts.release.name if facts.release else None})
        return
    for name, why in failed.items():
        show(f"{name} is in the catalog without its rows: {why}")
    release = facts.release.name if facts.release else "nothing released yet"
    show(f"{len(facts.tables)} tables, {pages} pages, {release}, in {time.monotonic() - began:.1f} s")
    show(index.as_uri())


@catalog.command("schema")
def schema(config: ConfigOption = CONFIG, debug: DebugOption = False) -> None:
    """All tables and their columns as one page of Markdown, from the contracts alone."""
    from tidemark.catalog.schema_page import schema_page
    from tidemark.config.files.source import local_folder
    from tidemark.config.project import read_tables
    from tidemark.errors import ConfigError

    read = read_tables(local_folder(config))
    wrong = [finding for finding in read.findings if finding.severity == "error"]
    if wrong:
        raise ConfigError(f"{config} is not valid", findings=wrong, next_step="tidemark validate")
    write(schema_page(read.tables))


@catalog.command("serve")
def serve(
    out: OutOption = Path(FOLDER),
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes any that is free.")] = 8080,
    debug: DebugOption = False,
) -> None:
    """Shows a catalog that was built, to browsers on this machine, until Ctrl-C."""
    from tidemark.catalog.serving import server

    with server(out, port) as serving:
        show(f"http://127.0.0.1:{serving.server_port}/  (Ctrl-C ends it)")
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            show("ended")
