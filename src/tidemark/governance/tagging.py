"""Tags of Lake Formation by contracts: who may read a column follows from its classification.

Every column of an entry has a tag of its own, so that nothing depends on what it would inherit. Stricter ones are set
first: when it breaks off, a column is hidden from somebody who may see it, and never the other way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tidemark.aws.clients import client
from tidemark.errors import TidemarkError
from tidemark.sql.types import METADATA_COLUMNS

if TYPE_CHECKING:
    from tidemark.config.contract import Contract
    from tidemark.config.environment import Environment
    from tidemark.governance.entries import Entry

STRICT_FIRST = ("personal", "confidential", "internal", "public")
"""The values that there are, as Terraform makes the tag."""
_INTERNAL, _PERSONAL = "internal", "personal"


def classifications(entry: Entry, contract: Contract) -> dict[str, str]:
    """The classification of each column of an entry: what the contract says, `personal` for what nobody has described.

    A contract's own words (`restricted`) count as `personal` where they are none of the tag's values.
    """
    told = {column.name: column for column in contract.columns}
    found = {}
    for name, _, _ in entry.columns:
        column = told.get(name)
        if column is None:
            found[name] = _INTERNAL if name in METADATA_COLUMNS else _PERSONAL
            continue
        said = (column.classification or (_PERSONAL if column.is_personal else _INTERNAL)).strip().lower()
        found[name] = said if said in STRICT_FIRST else _PERSONAL
    return found


def tag(environment: Environment, entry: Entry, contract: Contract) -> bool:
    """Tags the columns of an entry as their contract wants it, and says whether any changed.

    Raises `TidemarkError` where Lake Formation refuses a tag.
    """
    tags = environment.glue.tags if environment.glue else None
    if tags is None:
        return False
    formation = client("lakeformation", environment.aws)
    held = column_tags(formation, entry.database, entry.name).get(tags.classification, {})
    changed: dict[str, list[str]] = defaultdict(list)
    for name, value in classifications(entry, contract).items():
        if held.get(name.lower()) != value:
            changed[value].append(name)
    for value in STRICT_FIRST:
        if value in changed:
            _assign(formation, entry, tags.classification, value, changed[value])
    return bool(changed)


def column_tags(formation: Any, database: str, table: str) -> dict[str, dict[str, str]]:
    """The tags that columns of an entry have of their own: by tag and column (in small letters) their value."""
    resource = {"Table": {"DatabaseName": database, "Name": table}}
    answer = formation.get_resource_lf_tags(Resource=resource, ShowAssignedLFTags=True)
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for column in answer.get("LFTagsOnColumns") or ():
        for each in column["LFTags"]:
            found[str(each["TagKey"])][str(column["Name"]).lower()] = str(each["TagValues"][0])
    return found


def _assign(formation: Any, entry: Entry, key: str, value: str, columns: list[str]) -> None:
    place = {"DatabaseName": entry.database, "Name": entry.name, "ColumnNames": columns}
    answer: Mapping[str, Any] = formation.add_lf_tags_to_resource(
        Resource={"TableWithColumns": place}, LFTags=[{"TagKey": key, "TagValues": [value]}]
    )
    failures = answer.get("Failures") or ()
    if failures:
        why = "; ".join(str(each.get("Error", {}).get("ErrorMessage", each)) for each in failures)
        raise TidemarkError(
            f"Lake Formation did not take {key}={value} for {', '.join(columns)}: {why}",
            table=entry.table,
            step="register",
            next_step="let the run's role associate the tag (terraform apply), then tidemark access sync",
        )
