"""Who may read which column, as Lake Formation has it now: grants by tags and by name, held against the contracts.

What lies beside Lake Formation (a role that may read the bucket itself) is IAM's, and not here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tidemark.aws.clients import AWS_FAILURES, client, refusal
from tidemark.errors import ConfigError
from tidemark.governance.registering import databases_of
from tidemark.governance.tagging import STRICT_FIRST

if TYPE_CHECKING:
    from tidemark.config.project import Project

EVERYBODY = "IAM_ALLOWED_PRINCIPALS"
"""Lake Formation's word for: not asked at all, IAM alone decides."""
_READS = frozenset({"SELECT", "ALL", "SUPER"})


@dataclass(frozen=True)
class Reader:
    """What a principal may read of a table. `personal` are those of the columns that are personal or tagged so.

    `by`: the tags that let it, or `name` for a grant on the table or its columns themselves.
    """

    principal: str
    table: str
    columns: tuple[str, ...]
    personal: tuple[str, ...]
    hidden: tuple[str, ...]
    by: Literal["tags", "name"]

    @property
    def is_open(self) -> bool:
        """Whether Lake Formation does not decide here."""
        return self.principal == EVERYBODY


@dataclass(frozen=True)
class _Held:
    """An entry as Lake Formation knows it: its columns, and the tags that each has in the end."""

    table: str
    database: str
    name: str
    columns: tuple[str, ...]
    tags: Mapping[str, Mapping[str, str]]


def review(project: Project, names: Sequence[str] | None = None) -> tuple[Reader, ...]:
    """Who may read the columns of registered tables (all, or those of `names`), by table and principal.

    Raises `ConfigError` where the environment has no Glue, or AWS does not let this be asked.
    """
    try:
        entries = list(_entries(project, names))
        grants = list(_grants(project))
    except AWS_FAILURES as failure:
        raise ConfigError(
            f"AWS does not say who may read: {refusal(failure) or failure}",
            next_step="use a role with lakeformation:ListPermissions, lakeformation:GetResourceLFTags, glue:GetTables",
        ) from None
    found = [reader for entry in entries for grant in grants if (reader := _reader(project, entry, grant)) is not None]
    return tuple(sorted(found, key=lambda each: (each.table, each.principal, each.by)))


def _entries(project: Project, names: Sequence[str] | None) -> Iterator[_Held]:
    environment = project.environment
    databases = databases_of(environment)
    glue, formation = client("glue", environment.aws), client("lakeformation", environment.aws)
    tables = {name.lower(): name for name in project.tables}
    for layer, database in databases.items():
        for page in glue.get_paginator("get_tables").paginate(DatabaseName=database):
            for found in page["TableList"]:
                table = tables.get(f"{layer}.{found['Name'].lower()}")
                if table is None or (names is not None and table not in names):
                    continue
                stored = [*found["StorageDescriptor"]["Columns"], *found.get("PartitionKeys", ())]
                columns = tuple(str(each["Name"]) for each in stored)
                place = {"Table": {"DatabaseName": database, "Name": found["Name"]}}
                answer = formation.get_resource_lf_tags(Resource=place, ShowAssignedLFTags=True)
                yield _Held(table, database, str(found["Name"]), columns, _tags(answer, columns))


def _tags(answer: Mapping[str, Any], columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """The tags of each column: its own before the table's, those before the database's."""
    inherited = _values(answer.get("LFTagOnDatabase")) | _values(answer.get("LFTagsOnTable"))
    own = {str(each["Name"]).lower(): _values(each["LFTags"]) for each in answer.get("LFTagsOnColumns") or ()}
    return {name: inherited | own.get(name.lower(), {}) for name in columns}


def _values(tags: Sequence[Mapping[str, Any]] | None) -> dict[str, str]:
    return {str(tag["TagKey"]): str(tag["TagValues"][0]) for tag in tags or () if tag.get("TagValues")}


def _grants(project: Project) -> Iterator[Mapping[str, Any]]:
    formation = client("lakeformation", project.environment.aws)
    more: dict[str, str] = {}
    while True:
        answer = formation.list_permissions(**more)
        for grant in answer["PrincipalResourcePermissions"]:
            if _READS & set(grant["Permissions"]):
                yield grant
        if not answer.get("NextToken"):
            return
        more = {"NextToken": answer["NextToken"]}


def _reader(project: Project, entry: _Held, grant: Mapping[str, Any]) -> Reader | None:
    resource = grant["Resource"]
    policy = resource.get("LFTagPolicy")
    granted = _by_tags(entry, policy) if policy is not None else _by_name(entry, resource)
    if not granted:
        return None
    contract = project.table(entry.table).contract
    marked = {column.name for column in contract.columns if column.is_personal}
    strict = {name for name, tags in entry.tags.items() if STRICT_FIRST[0] in tags.values()}
    personal = tuple(name for name in granted if name in marked | strict)
    hidden = tuple(name for name in entry.columns if name not in granted)
    who = str(grant["Principal"]["DataLakePrincipalIdentifier"])
    return Reader(who, entry.table, granted, personal, hidden, "name" if policy is None else "tags")


def _by_tags(entry: _Held, policy: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns whose tags are what the policy asks for, in each of its keys."""
    if policy.get("ResourceType") != "TABLE":
        return ()
    asked = {str(each["TagKey"]): set(each["TagValues"]) for each in policy["Expression"]}
    return tuple(
        name for name in entry.columns if all(entry.tags[name].get(key) in values for key, values in asked.items())
    )


def _by_name(entry: _Held, resource: Mapping[str, Any]) -> tuple[str, ...]:
    whole, some = resource.get("Table"), resource.get("TableWithColumns")
    place = whole or some
    if place is None or place.get("DatabaseName") != entry.database:
        return ()
    if place.get("Name", entry.name) != entry.name and place.get("TableWildcard") is None:
        return ()
    if some is None:
        return entry.columns
    if (wildcard := some.get("ColumnWildcard")) is not None:
        left_out = {name.lower() for name in wildcard.get("ExcludedColumnNames") or ()}
        return tuple(name for name in entry.columns if name.lower() not in left_out)
    named = {name.lower() for name in some.get("ColumnNames") or ()}
    return tuple(name for name in entry.columns if name.lower() in named)
