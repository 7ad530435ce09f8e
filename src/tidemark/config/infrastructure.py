"""What infrastructure tells an environment's file: names and ARNs that Terraform made, written where they belong.

The file stays one that people write: comments, order and whatever Terraform knows nothing of are kept.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidemark.config.environment import FOLDER, load_environment
from tidemark.errors import ConfigError

OUTPUT = "tidemark"
_ALERTS, _SNS = "alerts", "sns"
_CONNECTIONS = "connections"
_WIDTH = 4096  # lines are people's to break


@dataclass(frozen=True)
class Told:
    """One value that gets another; None: it was not there, or goes."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.path}: {_short(self.before)} → {_short(self.after)}"


def outputs(text: str) -> dict[str, Any]:
    """What `terraform output -json` says of an environment; raises `ConfigError` when it says nothing of one."""
    hint = "terraform output -json, in the folder of the environment (infra/terraform/envs/…) after terraform apply"
    try:
        told = json.loads(text)
    except ValueError:
        raise ConfigError("what was read is not JSON", next_step=hint) from None
    output = told.get(OUTPUT) if isinstance(told, dict) else None
    value = output.get("value") if isinstance(output, dict) else None
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise ConfigError(f"there is no output `{OUTPUT}` that describes an environment", next_step=hint)
    return value


def write(config_dir: Path, told: Mapping[str, Any], *, dry_run: bool = False) -> tuple[Told, ...]:
    """Brings the file of the environment that `told` is of up to it, and says what changed.

    Raises `ConfigError` when there is no such file, or it would not be valid any more; then it stays as it was.
    """
    from ruamel.yaml import YAML

    path = config_dir / FOLDER / f"{told['name']}.yaml"
    if not path.is_file():
        raise ConfigError(
            f"there is no {path}, which these outputs are for",
            next_step="copy the file of an environment that is like it, and say what its connections are",
        )
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(path.read_text("utf-8"))
    changes = tuple(_laid_in(document, _for(document, told), ""))
    if changes and not dry_run:
        stream = io.StringIO()
        yaml.dump(document, stream)
        _check(told["name"], stream.getvalue())
        partial = path.with_suffix(".yaml.partial")
        partial.write_text(stream.getvalue(), encoding="utf-8")
        partial.replace(path)
    return changes


def _for(document: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """What of `told` the file has a place for: its own connections, and alert channels beside those of others."""
    wanted = dict(told)
    known = document.get(_CONNECTIONS) or {}
    wanted[_CONNECTIONS] = {name: it for name, it in (told.get(_CONNECTIONS) or {}).items() if name in known}
    if _ALERTS in told:
        others = [alert for alert in document.get(_ALERTS) or () if alert.get("channel") != _SNS]
        wanted[_ALERTS] = [*told[_ALERTS], *others]
    return wanted


def _laid_in(below: MutableMapping[str, Any], above: Mapping[str, Any], path: str) -> Iterator[Told]:
    """Puts values in place, and tells of those that are others; a null takes what was there away."""
    for key, value in above.items():
        place = f"{path}{key}"
        before = below.get(key)
        if isinstance(value, Mapping):
            if not isinstance(before, MutableMapping):
                below[key] = {}
            yield from _laid_in(below[key], value, f"{place}.")
        elif value is None:
            if key in below:
                del below[key]
                yield Told(place, before, None)
        elif _plain(before) != value:
            below[key] = value
            yield Told(place, _plain(before), value)


def _plain(value: Any) -> Any:
    """A value without what YAML's reader keeps beside it."""
    return json.loads(json.dumps(value, default=str))


def _check(name: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder) / FOLDER / f"{name}.yaml"
        there.parent.mkdir()
        there.write_text(text, encoding="utf-8")
        load_environment(Path(folder), name)


def _short(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value) if isinstance(value, list | dict) else str(value)
