"""Datasets by the names that every OpenLineage producer gives them, so that graphs of several meet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tidemark.aws.settings import is_uri, join, settled
from tidemark.sources.landing.globs import is_pattern, literal_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tidemark.config.environment import ConnectionSpec, Environment
    from tidemark.config.load import SourceSpec

_REDSHIFT_HOST = re.compile(
    r"([^.]+)\.[^.]+\.([a-z]{2}(?:-[a-z]+)+-\d)\.redshift(?:-serverless)?\.amazonaws\.com(?:\.cn)?"
)
_REDSHIFT_PORT, _KAFKA_PORT = 5439, 9092
_S3 = ("s3", "s3a", "s3n")


@dataclass(frozen=True)
class Dataset:
    """A dataset: the place that it is in, its name there, and what people call the place."""

    namespace: str
    name: str
    place: str

    @property
    def uri(self) -> str:
        """The address of the place."""
        return "file:///" if self.namespace == "file" else self.namespace

    def field(self, column: str) -> str:
        """The name that a column has there: Snowflake keeps names that are not quoted in capitals."""
        return column.upper() if self.namespace.startswith("snowflake:") else column


def lake_table(environment: Environment, table: str) -> Dataset:
    """A table of the lake: the folder that it lies in."""
    layer, _, name = table.partition(".")
    return _stored(join(environment.roots.lake, layer, name), "lake")


def source(environment: Environment, spec: SourceSpec) -> Dataset:
    """What a bronze table is received from."""
    connection = environment.connections[spec.connection]
    return _NAMED[connection.kind](connection, spec.object, spec.connection)


def published(environment: Environment, target: str, table: str) -> Dataset:
    """A gold table in a warehouse."""
    place = environment.targets[target]
    connection = environment.connections[place.connection]
    return _NAMED[connection.kind](connection, f"{place.schema_name}.{table.partition('.')[2]}", place.connection)


def _stored(location: str, place: str) -> Dataset:
    """A folder or file, on S3 or this machine."""
    if not is_uri(location):
        return Dataset("file", location, place)
    parts = urlsplit(location)
    scheme = "s3" if parts.scheme in _S3 else parts.scheme
    return Dataset(f"{scheme}://{parts.netloc}", parts.path.strip("/") or "/", place)


def _landed(connection: ConnectionSpec, asked: str, place: str) -> Dataset:
    """Landed files: the folder that they are in, or that everything is in which their pattern fits."""
    folder = literal_part(asked) if is_pattern(asked) else asked
    root = settled(str(connection.settings["uri"]))
    return _stored(join(root, folder) if folder.strip("/") else root, place)


def _snowflake(connection: ConnectionSpec, asked: str, place: str) -> Dataset:
    account = connection.settings.get("account", place)
    return Dataset(f"snowflake://{account}", _qualified(connection.settings, asked, "PUBLIC").upper(), place)


def _redshift(connection: ConnectionSpec, asked: str, place: str) -> Dataset:
    """By cluster (or workgroup) and region, where the host tells them."""
    host, port = str(connection.settings.get("host", place)), connection.settings.get("port", _REDSHIFT_PORT)
    known = _REDSHIFT_HOST.fullmatch(host)
    at = f"{known[1]}.{known[2]}" if known else host
    return Dataset(f"redshift://{at}:{port}", _qualified(connection.settings, asked, "public").lower(), place)


def _qualified(settings: Mapping[str, Any], asked: str, schema: str) -> str:
    """`database.schema.table`, of a name that may lack the first of them."""
    parts = asked.replace('"', "").split(".")
    missing = [str(settings.get("database", "")), str(settings.get("schema", schema))][: max(0, 3 - len(parts))]
    return ".".join(part for part in (*missing, *parts) if part)


def _kafka(connection: ConnectionSpec, asked: str, place: str) -> Dataset:
    server = str(connection.settings.get("bootstrap_servers", place)).split(",")[0].strip()
    at = server if re.search(r":\d+$", server) else f"{server}:{_KAFKA_PORT}"
    return Dataset(f"kafka://{at}", asked, place)


def _rest(connection: ConnectionSpec, asked: str, place: str) -> Dataset:
    """The specification has no names for APIs: by the address, without a login in it."""
    parts = urlsplit(str(connection.settings.get("base_url", f"https://{place}")))
    host = parts.hostname or place
    return Dataset(f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}", asked, place)


_NAMED = {
    "snowflake": _snowflake,
    "redshift": _redshift,
    "kafka": _kafka,
    "rest": _rest,
    "s3": _landed,
    "files": _landed,
}
