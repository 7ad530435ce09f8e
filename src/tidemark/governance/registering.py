"""Brings Glue up to a release: each table of the layers that have a database there is an entry, made from its contract.

Tags go before grants: in a database whose own tag is the strictest, a column that nobody has tagged yet is for nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tidemark.aws.clients import AWS_FAILURES, client
from tidemark.errors import ConfigError, TidemarkError
from tidemark.governance.entries import DIGEST, Entry, entry
from tidemark.governance.tagging import tag

if TYPE_CHECKING:
    from tidemark.config.environment import Environment
    from tidemark.serving.lake import ReleasedLake

Outcome = Literal["created", "updated", "tagged", "unchanged", "failed", "left over"]
_THREADS = 8


@dataclass(frozen=True)
class Registered:
    """What became of a table's entry; `why` says it where it failed, or where the entry has no table any more."""

    table: str
    entry: str
    outcome: Outcome
    why: str = ""


def register(lake: ReleasedLake, names: Sequence[str] | None = None) -> tuple[Registered, ...]:
    """Makes or updates the entries of released tables (all, or those of `names`) and their tags, and nothing else.

    One that cannot be brought up to date stops no other. Entries that Tidemark has made of tables that the project no
    longer has are told, and stay. Raises `ConfigError` where the environment has no Glue, or Glue does not answer.
    """
    environment = lake.project.environment
    databases = databases_of(environment)
    wanted = [name for name in names or lake.names if name.partition(".")[0] in databases and name in lake.names]
    known = {layer: _entries(environment, database) for layer, database in databases.items()}

    def bring(name: str) -> Registered:
        layer, _, bare = name.partition(".")
        label = f"{databases[layer]}.{bare.lower()}"
        try:
            return _bring(lake, name, databases[layer], known[layer].get(bare.lower()))
        except TidemarkError as failure:
            return Registered(name, label, "failed", failure.summary)
        except AWS_FAILURES as failure:
            return Registered(name, label, "failed", str(failure))

    with ThreadPoolExecutor(_THREADS) as threads:
        done = tuple(threads.map(bring, wanted))
    return (*done, *(_left_over(lake, databases, known) if names is None else ()))


def databases_of(environment: Environment) -> Mapping[str, str]:
    """The Glue databases of the environment, by layer; raises `ConfigError` where there are none."""
    if environment.glue is None:
        raise ConfigError(
            f"the environment {environment.name} has no Glue databases",
            next_step="name them in its file (glue: {databases: {gold: …}}), or tidemark config from-terraform",
        )
    return dict(environment.glue.databases.items())


def _bring(lake: ReleasedLake, name: str, database: str, known: Mapping[str, Any] | None) -> Registered:
    environment, contract = lake.project.environment, lake.project.table(name).contract
    wanted = entry(name, database, lake.location(name), lake.layout(name), contract)
    label = f"{database}.{wanted.name.lower()}"
    outcome: Outcome = "unchanged"
    glue = client("glue", environment.aws)
    if known is None:
        glue.create_table(DatabaseName=database, TableInput=wanted.to_input())
        outcome = "created"
    elif not _may_be_ours(known, wanted):
        return Registered(name, label, "failed", "somebody else's entry has that name: rename it, or drop it in Glue")
    elif known.get("Parameters", {}).get(DIGEST) != wanted.digest:
        glue.update_table(DatabaseName=database, TableInput=wanted.to_input(), SkipArchive=True)
        outcome = "updated"
    changed = tag(environment, wanted, contract)
    return Registered(name, label, "tagged" if changed and outcome == "unchanged" else outcome)


def _may_be_ours(known: Mapping[str, Any], wanted: Entry) -> bool:
    """Whether Tidemark has made the entry, or somebody by hand for this very folder."""
    location = str(known.get("StorageDescriptor", {}).get("Location", "")).rstrip("/")
    return DIGEST in known.get("Parameters", {}) or location == wanted.location


def _entries(environment: Environment, database: str) -> dict[str, Mapping[str, Any]]:
    try:
        pages = client("glue", environment.aws).get_paginator("get_tables").paginate(DatabaseName=database)
        return {str(table["Name"]).lower(): table for page in pages for table in page["TableList"]}
    except AWS_FAILURES as failure:
        raise ConfigError(
            f"Glue does not give the entries of the database {database}: {failure}",
            next_step="look for the name in glue.databases, and for the role's rights (glue:GetTables)",
        ) from None


def _left_over(
    lake: ReleasedLake, databases: Mapping[str, str], known: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> Iterator[Registered]:
    for layer, entries in known.items():
        for name, found in entries.items():
            held = {each.partition(".")[2].lower() for each in lake.project.tables if each.startswith(f"{layer}.")}
            if DIGEST in found.get("Parameters", {}) and name not in held:
                why = "the project has no such table any more: drop the entry in Glue when nobody reads it"
                yield Registered(f"{layer}.{name}", f"{databases[layer]}.{name}", "left over", why)
