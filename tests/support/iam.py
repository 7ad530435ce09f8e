"""What IAM would say to a request: as much of its policies as ours use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_EXACT = {"StringEquals", "ArnEquals", "Bool"}


@dataclass(frozen=True)
class Policies:
    """All statements that hold for somebody."""

    statements: tuple[Mapping[str, Any], ...]

    def allow(self, action: str, resource: str, **context: str) -> bool:
        """Whether a request is let through; `context` are its condition keys (`ecs_cluster` for `ecs:cluster`)."""
        keys = {name.replace("_", ":", 1).lower(): value for name, value in context.items()}
        met = [each["Effect"] for each in self.statements if _meets(each, action, resource, keys)]
        return "Allow" in met and "Deny" not in met


def policies_of_role(iam: Any, role: str) -> Policies:
    """The policies that a role has, its own and those that are attached."""
    own = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    return _policies([*own, *(_document(iam, each["PolicyArn"]) for each in attached)])


def policy(iam: Any, arn: str) -> Policies:
    """One managed policy."""
    return _policies([_document(iam, arn)])


def _document(iam: Any, arn: str) -> Mapping[str, Any]:
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return json.loads(document) if isinstance(document, str) else document


def _policies(documents: Sequence[Mapping[str, Any]]) -> Policies:
    return Policies(tuple(statement for each in documents for statement in _listed(each["Statement"])))


def _meets(statement: Mapping[str, Any], action: str, resource: str, keys: Mapping[str, str]) -> bool:
    return (
        any(_like(each.lower(), action.lower()) for each in _listed(statement["Action"]))
        and any(_like(each, resource) for each in _listed(statement["Resource"]))
        and all(_holds(*each, keys) for each in _conditions(statement))
    )


def _conditions(statement: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    for operator, wanted in statement.get("Condition", {}).items():
        for key, values in wanted.items():
            yield operator, key.lower(), _listed(values)


def _holds(operator: str, key: str, values: list[str], keys: Mapping[str, str]) -> bool:
    """A key that a request does not have meets no condition."""
    found = keys.get(key)
    if found is None:
        return False
    return found in values if operator in _EXACT else any(_like(each, found) for each in values)


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text) is not None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
