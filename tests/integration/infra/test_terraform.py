"""dev by Terraform on the sandbox's AWS: applied, told to the environment's file, planned again, destroyed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.credentials import AWS
from tests.support.deployments.emr import BUCKET, client, emulator
from tidemark.config.environment import load_environment
from tidemark.config.infrastructure import outputs, write

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[3]
ACCOUNT = "123456789012"  # the emulator's
VARIABLES = {
    "account_id": ACCOUNT,
    "organization": "acme",
    "commit": "0f1e2d3c4b5a",
    "prefect_api_url": "https://prefect.acme.example/api",
    "monthly_budget_usd": "500",
    "landing_bucket": "acme-shop-landing",
}
FORGOTTEN = {
    "aws_budgets_budget",
    "aws_ecs_service",
    "aws_glue_catalog_database",
    "aws_vpc_security_group_egress_rule",
    "aws_vpc_security_group_ingress_rule",
}
"""Of which the emulator does not give everything back that it was told; on AWS a second plan has to be empty."""


@dataclass(frozen=True)
class Infrastructure:
    """A copy of infra/terraform, whose dev goes to the emulator."""

    folder: Path
    address: str
    variables: dict[str, str]

    def terraform(self, *arguments: str) -> str:
        words = ["terraform", f"-chdir={self.folder / 'envs' / 'dev'}", *arguments]
        done = subprocess.run(words, env=self.variables, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def with_variables(self, *arguments: str) -> str:
        given = {**VARIABLES, "endpoint_url": self.address}
        return self.terraform(*arguments, *(f"-var={name}={value}" for name, value in given.items()))


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Infrastructure]:
    """dev, applied; destroyed at the end."""
    folder = tmp_path_factory.mktemp("terraform")
    shutil.copytree(ROOT / "infra" / "terraform", folder / "infra", ignore=shutil.ignore_patterns(".terraform*"))
    backend = folder / "infra" / "envs" / "dev" / "backend_override.tf"
    backend.write_text('terraform {\n  backend "local" {}\n}\n')
    settings = folder / "terraform.rc"
    mirror = Path(os.environ.get("TF_PLUGIN_MIRROR", "/opt/tf-plugins"))
    settings.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n'
        if mirror.is_dir()
        else ""
    )
    variables = {
        **os.environ,
        "TF_CLI_CONFIG_FILE": str(settings),
        "TF_INPUT": "0",
        "AWS_ACCESS_KEY_ID": AWS.user,
        "AWS_SECRET_ACCESS_KEY": AWS.password,
    }
    with emulator(folder / "home") as address:
        made = Infrastructure(folder / "infra", address, variables)
        made.terraform("init", "-no-color")
        made.with_variables("apply", "-auto-approve", "-no-color")
        yield made
        made.with_variables("destroy", "-auto-approve", "-no-color")
        assert [each["Name"] for each in client("s3", address).list_buckets()["Buckets"]] == [BUCKET]


def test_what_was_made_is_what_the_environments_file_says(applied: Infrastructure, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    told = outputs(applied.terraform("output", "-json"))
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


def test_a_second_plan_changes_nothing_that_the_emulator_remembers(applied: Infrastructure) -> None:
    applied.with_variables("plan", "-no-color", f"-out={applied.folder / 'plan'}")
    plan = json.loads(applied.terraform("show", "-json", str(applied.folder / "plan")))
    changed = {each["address"]: each["change"]["actions"] for each in plan["resource_changes"]}
    left = {address: actions for address, actions in changed.items() if actions not in (["no-op"], ["read"])}
    forgotten = {address for address in left for kind in FORGOTTEN if f".{kind}." in address}
    assert set(left) - forgotten == set()
    assert set(map(tuple, left.values())) <= {("update",)}
