"""Reads `env/<name>.yaml`, with its variables filled in."""

from __future__ import annotations

import os
from pathlib import Path

from tidemark.config.environment.model import FOLDER, Environment
from tidemark.config.files.modelfile import build
from tidemark.config.files.yamltext import expand, parse, read_text
from tidemark.errors import ConfigError, Finding, choose


def load_environment(config_dir: Path, name: str) -> Environment:
    """The environment `name` of a configuration folder.

    `${NAME}` and `${NAME:-default}` are filled from the process's environment, then from `env_file`. Raises
    `ConfigError` when there is no such environment, a variable has no value, or the file does not fit.
    """
    path = config_dir / FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise _no_such_environment(config_dir, name)
    document = parse(path, _variables(path))
    environment, findings = build(document, Environment)
    if environment is not None and environment.name != name:
        seen = f"name is `{environment.name}`, the file is that of `{name}`"
        findings.append(document.finding(("name",), seen, f"write `name: {name}`"))
    if environment is None or findings:
        raise ConfigError(f"environment {name} is not valid", findings=findings, next_step=f"correct {path}")
    return environment


def read_env_file(path: Path) -> dict[str, str]:
    """`KEY=VALUE` lines of a file as a mapping; blank lines and `#` lines are skipped, an absent file is empty."""
    if not path.is_file():
        return {}
    values: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        key, equals, value = entry.partition("=")
        if not equals or not key.strip().isidentifier():
            finding = Finding(path, number, "is not KEY=VALUE", "write one KEY=VALUE a line")
            raise ConfigError(f"{path.name} cannot be read", findings=[finding])
        values[key.strip()] = value.strip().strip("\"'")
    return values


def _variables(path: Path) -> dict[str, str]:
    """What fills the `${…}` of an environment file: the process's environment before the file's `env_file`."""
    unfilled = parse(path).data
    named = unfilled.get("env_file") if isinstance(unfilled, dict) else None
    if not isinstance(named, str):
        return dict(os.environ)
    location, _ = expand(named, os.environ)
    return read_env_file(Path(location).expanduser()) | os.environ


def _no_such_environment(config_dir: Path, name: str) -> ConfigError:
    known = [path.stem for path in sorted((config_dir / FOLDER).glob("*.yaml"))]
    if not known:
        return ConfigError(
            f"{config_dir} has no {FOLDER}/*.yaml: it is not a configuration folder",
            next_step="name the folder with --config",
        )
    return ConfigError(f"environment `{name}` does not exist", next_step=f"{choose(name, known)} (--env)")
