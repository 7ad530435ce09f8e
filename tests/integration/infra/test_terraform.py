"""dev by Terraform on the sandbox's AWS: applied, told to the environment's file, planned again, destroyed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployments.account import Terraform, initialized
from tests.support.deployments.emr import BUCKET, client, emulator
from tests.support.iam import policies_of_role, policy
from tidemark.config.environment import load_environment
from tidemark.config.infrastructure import outputs, write

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[3]
ACCOUNT = "123456789012"  # the emulator's
AWS_OF_DEV = f"eu-central-1:{ACCOUNT}"
THEIR_KEY = f"arn:aws:kms:{AWS_OF_DEV}:key/12345678-1234-1234-1234-123456789012"
VARIABLES = {
    "account_id": ACCOUNT,
    "organization": "acme",
    "commit": "0f1e2d3c4b5a",
    "prefect": '{api_url = "https://prefect.acme.example/api", login = "auth_string"}',
    "monthly_budget_usd": "500",
    "landing": f'{{bucket = "acme-shop-landing", kms_key_arn = "{THEIR_KEY}"}}',
    "secrets": '{smtp = {description = "Login to the mail server"}}',
    "redshift": '{endpoint = "shop.example", database = "shop", login = "password"}',
    "snowflake_integration": '{user_arn = "arn:aws:iam::444455556666:user/snowflake", external_id = "ACME=1"}',
    "readers": f'{{analysts = {{role_arn = "arn:aws:iam::{ACCOUNT}:role/analysts"}}}}',
}
NAME = "acme-tidemark-dev"
GOVERNANCE = "module.stack.module.governance"
SETTINGS = f"{GOVERNANCE}.aws_lakeformation_data_lake_settings.this"
EGRESS = "module.stack.module.network.aws_vpc_security_group_egress_rule"
OFFICE = f"arn:aws:iam::{ACCOUNT}:role/data-office"
FORGOTTEN = {
    "aws_budgets_budget",
    "aws_ecs_service",
    "aws_glue_catalog_database",
    "aws_vpc_security_group_egress_rule",
    "aws_vpc_security_group_ingress_rule",
}
"""Of which the emulator does not give everything back that it was told; on AWS a second plan has to be empty."""


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terraform]:
    """dev, applied; destroyed at the end."""
    folder = tmp_path_factory.mktemp("dev")
    with emulator(folder / "home") as address:
        made = initialized(folder, address, "dev", VARIABLES)
        made.with_variables("apply", "-auto-approve")
        yield made
        made.with_variables("destroy", "-auto-approve")
        assert [each["Name"] for each in client("s3", address).list_buckets()["Buckets"]] == [BUCKET]


def test_what_was_made_is_what_the_environments_file_says(applied: Terraform, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    told = outputs(applied.run("output", "-json"))
    assert write(tmp_path / "config", told)
    environment = load_environment(tmp_path / "config", "dev")

    buckets = {each["Name"] for each in client("s3", applied.address).list_buckets()["Buckets"]}
    named = {uri.split("/")[2] for uri in [*environment.roots.model_dump().values(), environment.exchange]}
    assert named <= buckets
    tables = client("dynamodb", applied.address).list_tables()["TableNames"]
    assert environment.state.location in tables
    secrets = {each["Name"] for each in client("secretsmanager", applied.address).list_secrets()["SecretList"]}
    assert {spec.secret for spec in environment.connections.values() if spec.secret} <= secrets
    topics = {each["TopicArn"] for each in client("sns", applied.address).list_topics()["Topics"]}
    assert {alert.target for alert in environment.alerts} <= topics
    assert environment.prefect is not None
    pool = environment.prefect.work_pool
    clusters = client("ecs", applied.address).list_clusters()["clusterArns"]
    assert f"arn:aws:ecs:eu-central-1:{ACCOUNT}:cluster/{pool.variables['cluster']}" in clusters
    assert write(tmp_path / "config", told) == ()


def test_a_second_plan_changes_nothing_that_the_emulator_remembers(applied: Terraform) -> None:
    applied.with_variables("plan", f"-out={applied.folder / 'plan'}")
    plan = json.loads(applied.run("show", "-json", str(applied.folder / "plan")))
    changed = {each["address"]: each["change"]["actions"] for each in plan["resource_changes"]}
    left = {address: actions for address, actions in changed.items() if actions not in (["no-op"], ["read"])}
    forgotten = {address for address in left for kind in FORGOTTEN if f".{kind}." in address}
    assert set(left) - forgotten == set()
    assert set(map(tuple, left.values())) <= {("update",)}


def test_the_port_of_redshift_is_not_opened_twice_by_an_upgrade(applied: Terraform) -> None:
    """Made anew before the old rule went, it would be refused as a duplicate."""
    now, before = f'{EGRESS}.further["Redshift"]', f'{EGRESS}.warehouse["5439"]'
    targets = (f"-target={EGRESS}.further", f"-target={EGRESS}.warehouse")
    applied.run("state", "mv", now, before)
    try:
        applied.with_variables("plan", f"-out={applied.folder / 'plan'}", *targets)
        plan = json.loads(applied.run("show", "-json", str(applied.folder / "plan")))
        rules = [each for each in plan["resource_changes"] if each["address"].startswith(f"{EGRESS}.")]
        assert [(each["address"], each.get("previous_address")) for each in rules] == [(now, before)]
        assert rules[0]["change"]["actions"] in (["no-op"], ["update"])
    finally:
        applied.run("state", "mv", before, now)


@contextmanager
def lake_settings(applied: Terraform, **others: Any) -> Iterator[None]:
    """Settings of Lake Formation that somebody has changed beside Terraform."""
    lake = client("lakeformation", applied.address)
    settings = lake.get_data_lake_settings()["DataLakeSettings"]
    lake.put_data_lake_settings(DataLakeSettings=settings | others)
    try:
        yield
    finally:
        lake.put_data_lake_settings(DataLakeSettings=settings)


@pytest.mark.parametrize("kind", ["DataLakeAdmins", "ReadOnlyAdmins"])
def test_nobody_loses_the_lake_who_is_not_named(applied: Terraform, kind: str) -> None:
    settings = client("lakeformation", applied.address).get_data_lake_settings()["DataLakeSettings"]
    everybody = [*settings.get(kind, []), {"DataLakePrincipalIdentifier": OFFICE}]
    with lake_settings(applied, **{kind: everybody}), pytest.raises(AssertionError, match=OFFICE):
        applied.with_variables("plan", f"-target={SETTINGS}")


@pytest.mark.parametrize("kind", ["DataLakeAdmins", "ReadOnlyAdmins"])
def test_who_shall_go_goes(applied: Terraform, kind: str) -> None:
    lake = client("lakeformation", applied.address)
    stay = lake.get_data_lake_settings()["DataLakeSettings"].get(kind, [])
    with lake_settings(applied, **{kind: [*stay, {"DataLakePrincipalIdentifier": OFFICE}]}):
        applied.with_variables("apply", "-auto-approve", f"-target={SETTINGS}", f'-var=lake_removed=["{OFFICE}"]')
        assert lake.get_data_lake_settings()["DataLakeSettings"].get(kind, []) == stay


@pytest.mark.parametrize("kind", ["CreateDatabaseDefaultPermissions", "CreateTableDefaultPermissions"])
def test_a_lake_that_somebody_has_opened_is_told(applied: Terraform, kind: str) -> None:
    """The provider leaves what it is not told, and its plan would be empty."""
    everybody = {"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}
    told = pytest.raises(AssertionError, match="Lake Formation still opens")
    with lake_settings(applied, **{kind: [everybody]}), told:
        applied.with_variables("plan", f"-target={SETTINGS}")


def test_what_has_to_wait_waits(applied: Terraform) -> None:
    """AWS refuses, or does wrong for ever, what comes before that which it needs."""
    edges = re.findall(r'"([^"]+)" -> "([^"]+)"', applied.run("graph"))
    needed: dict[str, set[str]] = {}
    for one, other in edges:
        needed.setdefault(one, set()).add(other)

    def waits_for(one: str, other: str) -> bool:
        seen, left = set(), [f"module.stack.module.{one}"]
        while left:
            place = left.pop()
            if place == f"module.stack.module.{other}":
                return True
            left += needed.get(place, set()) - seen
            seen.add(place)
        return False

    settings = "governance.aws_lakeformation_data_lake_settings.this"
    for governed in (
        "catalog.aws_glue_catalog_database.layer",
        "governance.aws_lakeformation_resource.lake",
        "governance.aws_lakeformation_lf_tag.classification",
        "governance.aws_lakeformation_permissions.location",
        "governance.aws_lakeformation_permissions.registering",
        "governance.aws_lakeformation_permissions.tables",
        "governance.aws_lakeformation_permissions.updating",
    ):
        assert waits_for(governed, settings), governed
    replication = "disaster_recovery.aws_s3_bucket_replication_configuration.this"
    for versioned in ("storage.aws_s3_bucket_versioning.this", "disaster_recovery.aws_s3_bucket_versioning.copy"):
        assert waits_for(replication, versioned)


def test_the_worker_is_let_do_what_it_does_and_no_more(applied: Terraform) -> None:
    worker = policies_of_role(client("iam", applied.address), f"{NAME}-worker")
    cluster = f"arn:aws:ecs:{AWS_OF_DEV}:cluster/{NAME}"
    family = f"arn:aws:ecs:{AWS_OF_DEV}:task-definition/tidemark-dev-small"
    task = f"arn:aws:ecs:{AWS_OF_DEV}:task/{NAME}/0f1e2d3c"
    log = f"arn:aws:logs:{AWS_OF_DEV}:log-group:/{NAME}/ecs:log-stream:flow-run/prefect/0f1e2d3c"
    queue = f"arn:aws:sqs:{AWS_OF_DEV}:{NAME}-ecs-events"
    ecs = "ecs-tasks.amazonaws.com"
    assert worker.allow("ecs:RunTask", f"{family}:7", ecs_cluster=cluster)
    assert worker.allow("ecs:StopTask", task, ecs_cluster=cluster)
    assert worker.allow("ecs:DescribeTasks", task, ecs_cluster=cluster)
    assert worker.allow("ecs:TagResource", task)
    assert worker.allow("ecs:RegisterTaskDefinition", f"{family}:8")
    assert worker.allow("ecs:DescribeTaskDefinition", "*")
    assert worker.allow("ec2:DescribeSubnets", "*")
    assert worker.allow("logs:GetLogEvents", log)
    for action in ("GetQueueUrl", "ReceiveMessage", "ChangeMessageVisibility", "DeleteMessage"):
        assert worker.allow(f"sqs:{action}", queue)
    for role in ("task", "execution"):
        assert worker.allow("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{NAME}-{role}", iam_passedtoservice=ecs)

    assert not worker.allow("ecs:RunTask", f"{family}:7", ecs_cluster=cluster.replace("dev", "prod"))
    assert not worker.allow("ecs:RunTask", f"{family.replace('dev', 'prod')}:7", ecs_cluster=cluster)
    assert not worker.allow("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{NAME}-worker", iam_passedtoservice=ecs)
    assert not worker.allow("logs:GetLogEvents", log.replace("/ecs:", "/vpc-flow:"))
    assert not worker.allow(
        "secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{AWS_OF_DEV}:secret:tidemark/dev/crm-1"
    )


def test_a_run_reads_its_secrets_and_what_has_landed(applied: Terraform) -> None:
    run = policies_of_role(client("iam", applied.address), f"{NAME}-task")
    secrets = client("secretsmanager", applied.address).list_secrets()["SecretList"]
    arns = {each["Name"].rpartition("/")[2]: each["ARN"] for each in secrets}
    assert set(arns) == {"crm", "prefect-auth-string", "redshift", "smtp", "snowflake"}
    read = {name for name, arn in arns.items() if run.allow("secretsmanager:GetSecretValue", arn)}
    assert read == {"crm", "redshift", "smtp", "snowflake"}
    assert run.allow("s3:GetObject", "arn:aws:s3:::acme-shop-landing/orders/1.csv")
    assert run.allow("kms:Decrypt", THEIR_KEY)
    assert not run.allow("kms:GenerateDataKey", THEIR_KEY)
    assert not run.allow("s3:PutObject", "arn:aws:s3:::acme-shop-landing/orders/1.csv")


def test_the_start_of_a_container_reads_the_login_to_prefect_alone(applied: Terraform) -> None:
    start = policies_of_role(client("iam", applied.address), f"{NAME}-execution")
    secrets = client("secretsmanager", applied.address).list_secrets()["SecretList"]
    read = {each["Name"] for each in secrets if start.allow("secretsmanager:GetSecretValue", each["ARN"])}
    assert read == {"tidemark/dev/prefect-auth-string"}


def test_a_reader_asks_athena_and_nothing_else(applied: Terraform) -> None:
    arn = json.loads(applied.run("output", "-json"))["reader_policy_arn"]["value"]
    reader = policy(client("iam", applied.address), arn)
    workgroup = f"arn:aws:athena:{AWS_OF_DEV}:workgroup/{NAME}-readers"
    for action in ("StartQueryExecution", "GetQueryExecution", "GetQueryResultsStream", "GetWorkGroup"):
        assert reader.allow(f"athena:{action}", workgroup)
    runs = f"arn:aws:s3:::{NAME}-runs"
    assert reader.allow("s3:GetBucketLocation", runs)
    assert reader.allow("s3:ListBucket", runs, s3_prefix="athena/0f1e")
    assert reader.allow("s3:PutObject", f"{runs}/athena/0f1e.csv")
    assert reader.allow("glue:GetDatabase", f"arn:aws:glue:{AWS_OF_DEV}:database/default")
    assert reader.allow("lakeformation:GetDataAccess", "*")

    assert not reader.allow("athena:StartQueryExecution", f"arn:aws:athena:{AWS_OF_DEV}:workgroup/primary")
    assert not reader.allow("s3:ListBucket", runs, s3_prefix="logs/")
    assert not reader.allow("s3:ListBucket", runs)
    assert not reader.allow("s3:GetObject", f"{runs}/logs/0f1e.jsonl")
    assert not reader.allow("s3:GetObject", f"arn:aws:s3:::{NAME}-lake/lake/gold/fact_orders/0.parquet")


def test_whoever_applied_administers_the_lake_and_nothing_new_is_open(applied: Terraform) -> None:
    settings = client("lakeformation", applied.address).get_data_lake_settings()["DataLakeSettings"]
    assert len(settings["DataLakeAdmins"]) == 1
    assert not settings.get("CreateDatabaseDefaultPermissions")
    assert not settings.get("CreateTableDefaultPermissions")


def test_warehouses_have_roles_for_the_exchange_whatever_their_login(applied: Terraform) -> None:
    iam = client("iam", applied.address)
    for warehouse in ("redshift", "snowflake"):
        role = policies_of_role(iam, f"{NAME}-{warehouse}-s3")
        assert role.allow("s3:PutObject", f"arn:aws:s3:::{NAME}-exchange/run/0.parquet")
        assert not role.allow("s3:GetObject", f"arn:aws:s3:::{NAME}-lake/lake/gold/fact_orders/0.parquet")
