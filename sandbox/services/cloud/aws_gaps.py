"""Where moto answers otherwise than AWS, and Terraform's provider notices.

Lake Formation lists permissions on the tags that it is asked for, refuses to revoke what was never granted (the
provider asks until it hears so), and tells of a table the tags of its database and columns, too; ECS takes containers
of Fargate that leave their memory to the task; Budgets tells who is told. S3 asks of a bucket's statement whether its
condition holds, which moto takes for granted: a bucket that refuses what is not encrypted would refuse everything. A
line that does not leave this machine counts as encrypted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import copy
from functools import cache
from typing import Any

LEFT_TO_THE_TASK = 512  # MiB, which moto wants to add up
_TAGS = ("LFTag", "LFTagPolicy")


@cache
def install() -> None:
    """Puts the answers of AWS in place, before moto's server is asked."""
    _lake_formation()
    _ecs()
    _budgets()
    _s3()


def _lake_formation() -> None:
    from moto.lakeformation.exceptions import InvalidInput
    from moto.lakeformation.models import LakeFormationBackend, PermissionCatalog
    from moto.lakeformation.responses import LakeFormationResponse

    listed: Any = LakeFormationResponse.list_permissions
    revoked: Any = LakeFormationBackend.revoke_permissions

    def list_permissions(self: Any) -> str:
        resource = self._get_param("Resource") or {}
        key = next((tag for tag in _TAGS if tag in resource), None)
        if key is None:
            answer: str = listed(self)
            return answer
        catalog = self._get_param("CatalogId") or self.current_account
        who = self._get_param("Principal")
        rows = self.lakeformation_backend.list_permissions(catalog_id=catalog)
        asked = _tags_of(resource[key])
        of_asked = [row for row in rows if key in row["Resource"] and _tags_of(row["Resource"][key]) == asked]
        kept = [row for row in of_asked if who in (None, row["Principal"])]
        return json.dumps({"PrincipalResourcePermissions": kept})

    def revoke_permissions(
        self: Any, *, catalog_id: str, principal: Any, resource: Any, permissions_to_revoke: Any, **grantable: Any
    ) -> None:
        granted = self.grants.get(catalog_id, PermissionCatalog()).permissions
        held = (each for each in granted if each.principal == principal and each.resource == resource)
        if not any(set(permissions_to_revoke or ()) & set(each.permissions) for each in held):
            raise InvalidInput("No permissions revoked. Grantee has no permissions")
        revoked(self, catalog_id, principal, resource, permissions_to_revoke, **grantable)

    tagged: Any = LakeFormationBackend.get_resource_lf_tags

    def get_resource_lf_tags(self: Any, catalog_id: str, resource: Mapping[str, Any]) -> Any:
        table = resource.get("Table")
        if table is None:
            return tagged(self, catalog_id, resource)
        database = (table.get("CatalogId", self.account_id), table["DatabaseName"])
        place = (*database, table["Name"])
        columns = [{"Name": key[-1], "LFTags": tags} for key, tags in self.lf_columns_tags.items() if key[:-1] == place]
        return self.lf_database_tags.get(database, []), self.lf_table_tags.get(place, []), columns

    answers: Any = LakeFormationResponse
    backend: Any = LakeFormationBackend
    answers.list_permissions = list_permissions
    backend.revoke_permissions = revoke_permissions
    backend.get_resource_lf_tags = get_resource_lf_tags


def _tags_of(resource: Mapping[str, Any]) -> tuple[Any, dict[str, frozenset[str]]]:
    """What a tag or a policy of tags is about, in whatever order it is told."""
    tags = resource.get("Expression", [resource])
    return resource.get("ResourceType"), {each["TagKey"]: frozenset(each["TagValues"]) for each in tags}


def _ecs() -> None:
    from moto.ecs.models import EC2ContainerServiceBackend

    added_up: Any = EC2ContainerServiceBackend._calculate_task_resource_requirements

    def calculate(task_definition: Any) -> Any:
        sized = copy(task_definition)  # the definition itself stays as it was registered
        sized.container_definitions = [
            {**container, "memory": container.get("memory") or LEFT_TO_THE_TASK}
            for container in task_definition.container_definitions
        ]
        return added_up(sized)

    backend: Any = EC2ContainerServiceBackend
    backend._calculate_task_resource_requirements = staticmethod(calculate)


def _budgets() -> None:
    from moto.budgets.responses import BudgetsResponse

    def describe_subscribers_for_notification(self: Any) -> str:
        budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("BudgetName")]
        asked = self._get_param("Notification")
        told = [each for each in budget.notifications if _same(each.details, asked)]
        subscribers = [subscriber for each in told for subscriber in each.subscribers]
        return json.dumps({"Subscribers": subscribers, "NextToken": None})

    def list_tags_for_resource(self: Any) -> str:
        return json.dumps({"ResourceTags": []})

    answers: Any = BudgetsResponse
    answers.describe_subscribers_for_notification = describe_subscribers_for_notification
    answers.list_tags_for_resource = list_tags_for_resource


def _s3() -> None:
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket

    def get_permission(self: Any, action: str, resource: str) -> Any:
        policy = json.loads(self.policy or b"{}")
        applying = [each for each in policy.get("Statement", ()) if _holds(each.get("Condition", {}))]
        if not applying:
            return PermissionResult.NEUTRAL
        return IAMPolicy(json.dumps(policy | {"Statement": applying})).is_action_permitted(action, resource)

    bucket: Any = FakeBucket
    bucket.get_permission = get_permission


def _holds(condition: Mapping[str, Any]) -> bool:
    return condition.get("Bool", {}).get("aws:SecureTransport") != "false"


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two notifications are of the same kind, threshold and comparison."""
    return all(str(one[key]) == str(other[key]) for key in ("NotificationType", "ComparisonOperator")) and float(
        one["Threshold"]
    ) == float(other["Threshold"])
