"""A project of one's own: a configuration folder to begin with, on this machine, without a table."""

from __future__ import annotations

from pathlib import Path

from tidemark.config import schemas
from tidemark.config.environment import FOLDER as ENVIRONMENTS
from tidemark.config.jobs import FILE as JOBS
from tidemark.errors import ConfigError

CONFIG = "config"
LANDING = "landing"
_LOCAL = f"""\
# yaml-language-server: $schema=../{schemas.FOLDER}/env{schemas.SUFFIX}
# This machine. What production is called, and where it is, says another file beside this one.
name: local
home: ${{TIDEMARK_HOME:-.tidemark}}
exchange: ${{TIDEMARK_HOME:-.tidemark}}/exchange
secrets: env
prefect:
  api_url: http://127.0.0.1:4200/api   # tidemark prefect start
compute:
  master: local[*]
  # Small tables: generating and compiling code for them takes longer than running without.
  codegen_from_mb: 1
  conf:
    spark.driver.memory: 2g
    spark.sql.codegen.wholeStage: false
    spark.sql.codegen.factoryMode: NO_CODEGEN
    spark.sql.adaptive.enabled: false
    spark.databricks.delta.properties.defaults.enableDeletionVectors: false
    spark.driver.extraJavaOptions: -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
alerts:
  - {{channel: log, on: [warning, error]}}
retry: {{for: 20s}}
connections:
  # Files that you put there. A table's `object` is a file, a folder or a pattern below it.
  {LANDING}: {{kind: files, settings: {{uri: {LANDING}}}}}
"""
_JOBS = f"""\
# yaml-language-server: $schema={schemas.FOLDER}/jobs{schemas.SUFFIX}
# Parts of the pipeline by name: `tidemark job bronze`.
jobs:
  daily: {{flow: daily, about: "everything: sources to gold"}}
  bronze: {{flow: ingest, about: what is new in the sources}}
  silver_and_gold: {{flow: build_layer, layer: both, about: what is computed from it}}
"""
_IGNORED = ".tidemark/\n"


def create(folder: Path) -> tuple[Path, ...]:
    """Makes the project in a folder, which may hold other files, and says what was written.

    Raises `ConfigError` where it has a configuration already, or cannot be written to.
    """
    config = folder / CONFIG
    if config.exists():
        raise ConfigError(f"{config} is there already", next_step="name another folder: tidemark init project FOLDER")
    files = {config / ENVIRONMENTS / "local.yaml": _LOCAL, config / JOBS: _JOBS}
    if not (folder / ".gitignore").exists():
        files[folder / ".gitignore"] = _IGNORED
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        (folder / LANDING).mkdir(exist_ok=True)
        schemas.write(config)
    except OSError as refused:
        raise ConfigError(f"{folder} cannot be written to: {refused.strerror}", next_step="name another") from None
    return (*files, config / schemas.FOLDER, folder / LANDING)
