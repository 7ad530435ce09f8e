"""What `--from` names: a file or folder that a connection reaches, or an object of a connection."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tidemark.aws.settings import is_uri
from tidemark.errors import ConfigError, choose
from tidemark.sketch.files import format_of
from tidemark.sources.landing.globs import literally

if TYPE_CHECKING:
    from tidemark.config.environment import ConnectionSpec, Environment

FILE_KINDS = ("files", "s3")
_NUMBERED = re.compile(r"[-_. ]*\d[\d\-_.T]*$")
_WORD = re.compile(r"[a-z0-9]+")
_DATED = re.compile(r"[^=]+=.*|\d{4}(-\d{2}){0,2}|\d{1,2}")


@dataclass(frozen=True)
class Place:
    """An object of a connection; `look` is where of it there is something to look at, if not all of it."""

    connection: str
    object: str
    look: str | None = None


def place_of(told: str, environment: Environment) -> Place:
    """The connection and object that somebody means: a path, or `CONNECTION.OBJECT`.

    Raises `ConfigError` where there is neither, or no connection reaches the path.
    """
    path = Path(told).expanduser()
    if path.exists():
        return _reached(path.absolute(), told, environment)
    name, dot, rest = told.partition(".")
    if dot and rest and name in environment.connections:
        return Place(name, rest)
    is_path = "/" in told or format_of(told) is not None
    if is_path:
        raise ConfigError(f"there is no file or folder {told}", next_step="check the path")
    hint = choose(name, environment.connections) if environment.connections else "name a file"
    raise ConfigError(f"there is neither a file {told} nor a connection `{name}`", next_step=hint)


def _reached(path: Path, told: str, environment: Environment) -> Place:
    folders = {name: root for name, root in _folders(environment.connections) if path.is_relative_to(root)}
    if not folders:
        known = dict(_folders(environment.connections))
        name, root = next(iter(known.items()), ("landing", None))
        if root is not None:
            copy = shlex.join(["cp", "-r", told, f"{root}/"])
            advice = f"put it into the folder of the connection {name}: {copy}"
        else:
            spec = f"{name}: {{kind: files, settings: {{uri: {path.parent}}}}}"
            advice = f"add one under connections in env/{environment.name}.yaml: {spec}"
        raise ConfigError(f"no connection of {environment.name} reaches {told}", next_step=advice)
    name = max(folders, key=lambda each: len(str(folders[each])))
    inside = path.relative_to(folders[name]).as_posix()
    if path.is_dir():
        return Place(name, "" if inside == "." else f"{inside}/")
    folder = _without_dates(PurePosixPath(inside).parent)
    if folder == ".":
        return Place(name, _pattern(path.name), look=inside)
    return Place(name, f"{folder}/", look=inside)


def _folders(connections: Mapping[str, ConnectionSpec]) -> Iterable[tuple[str, Path]]:
    for name, spec in connections.items():
        uri = str(spec.settings.get("uri", ""))
        if spec.kind in FILE_KINDS and uri and not is_uri(uri):
            yield name, Path(uri).expanduser().absolute()


def _without_dates(folder: PurePosixPath) -> str:
    """The folder above those that only say a day or a value: `returns/dt=2025-03-31` → `returns`."""
    while folder.name and _DATED.fullmatch(folder.name):
        folder = folder.parent
    return str(folder)


def _pattern(name: str) -> str:
    """A file's own name, or what it shares with those of other days: `trips_2025-01.parquet` →
    `trips_[0-9]*.parquet`, which `trips_zones.parquet` is none of."""
    stem, dot, end = name.partition(".") if format_of(name) else (name, "", "")
    if re.search(r"\d\.\d", name):  # the point of `v1.2.csv` ends no name
        stem, dot, end = name.rpartition(".")
    numbered = _NUMBERED.search(stem)
    before = "" if numbered is None else stem[: numbered.start()]
    if numbered is None or not before:
        return name
    between = re.sub(r"\d.*", "", numbered[0])
    return f"{literally(before + between)}[0-9]*{dot}{literally(end)}"


def table_name(place: Place) -> str:
    """A name for the table of an object: `SALES.ORDERS` → `orders`, `returns/` → `returns`."""
    path = place.object.rstrip("/") or place.connection
    last = path.rsplit("/", 1)[-1]
    stem = re.split(r"[*?\[{]", last)[0] or path
    is_file = place.look is not None or format_of(last) is not None
    stem = stem.partition(".")[0] if is_file else stem.rpartition(".")[2]
    words = "_".join(_WORD.findall(_NUMBERED.sub("", stem).lower() or stem.lower()))
    name = words or "table"
    return name if name[0].isalpha() else f"t_{name}"
