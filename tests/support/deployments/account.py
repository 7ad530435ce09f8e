"""An environment in an account, as a team has it, on the stand-ins: made by Terraform, deployed from its image.

What stands in the image's configuration is what Terraform's outputs say, and where the stand-ins are, which on AWS
nobody would have to say. The tasks of ECS, which moto only notes, are containers of the image.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from sandbox.credentials import AWS, REGION
from sandbox.home import Endpoints
from sandbox.seeding.aws import LANDING, SECRETS
from sandbox.services.cloud.emr_jobs import ROLE
from tests.support.deployments.emr import client
from tests.support.deployments.image import Image
from tests.support.deployments.places import ROOT
from tidemark.config.infrastructure import outputs, write

ACCOUNT = "123456789012"  # the emulator's
ORGANIZATION = "acme"
PREFECT_KEY = "pnu_4f1c9e7b2a6d8053"

_PAUSE = 0.5  # seconds between two looks at the tasks of a cluster


def name(environment: str) -> str:
    """What the names of everything in the environment begin with."""
    return f"{ORGANIZATION}-tidemark-{environment}"


def secrets(environment: str) -> dict[str, str]:
    """What people put into the secrets that Terraform has made, by the secrets' names."""
    values = {place.partition("/")[2]: json.dumps(value) for place, value in SECRETS.items()}
    wanted = {key: values[key] for key in ("snowflake", "crm")} | {"prefect-api-key": PREFECT_KEY}
    by_password = {"redshift": values["redshift"]} if environment == "dev" else {}
    return {f"tidemark/{environment}/{key}": value for key, value in (wanted | by_password).items()}


def image_tag(environment: str, repository: str) -> str:
    """The image of this checkout's commit in a repository that Terraform makes."""
    return f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{name(environment)}/{repository}:{commit()}"


def commit() -> str:
    """The commit of this checkout, which is that of its image."""
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    return asked.stdout.strip()


@dataclass(frozen=True)
class Terraform:
    """A copy of infra/terraform, one of whose environments goes to an emulator."""

    folder: Path
    address: str
    environment: str
    given: Mapping[str, str]

    def run(self, *arguments: str) -> str:
        """What terraform answers; fails where it does."""
        words = ["terraform", f"-chdir={self.folder / 'envs' / self.environment}", *arguments]
        done = subprocess.run(words, env=self._variables(), capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def with_variables(self, *arguments: str) -> str:
        """The same for a command that wants the environment's variables."""
        given = {**self.given, "endpoint_url": self.address}
        return self.run(*arguments, "-no-color", *(f"-var={key}={value}" for key, value in given.items()))

    def _variables(self) -> dict[str, str]:
        return {
            **os.environ,
            "TF_CLI_CONFIG_FILE": str(self.folder / "terraform.rc"),
            "TF_INPUT": "0",
            "AWS_ACCESS_KEY_ID": AWS.user,
            "AWS_SECRET_ACCESS_KEY": AWS.password,
        }


def initialized(folder: Path, address: str, environment: str, given: Mapping[str, str]) -> Terraform:
    """A copy in `folder`, with its state beside it, and the provider of this machine where it has one."""
    there = folder / "terraform"
    shutil.copytree(ROOT / "infra" / "terraform", there, ignore=shutil.ignore_patterns(".terraform*"))
    (there / "envs" / environment / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    mirror = Path(os.environ.get("TF_PLUGIN_MIRROR", "/opt/tf-plugins"))
    installed = f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n'
    (there / "terraform.rc").write_text(installed if mirror.is_dir() else "")
    terraform = Terraform(there, address, environment, given)
    terraform.run("init", "-no-color")
    return terraform


@dataclass
class Tasks:
    """Runs what ECS only notes: each container as its definition and its request say.

    It has the role's credentials and AWS' address, and secrets by their ARNs, as Fargate's agent gives them.
    """

    endpoints: Endpoints
    cluster: str
    label: str
    logs: Path
    exits: dict[str, int] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)
    _seen: set[str] = field(default_factory=set)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Begins with the worker that the service has, and then looks for tasks."""
        ecs = client("ecs", self.endpoints.url("aws"))
        (service,) = ecs.describe_services(cluster=self.cluster, services=["worker"])["services"]
        self._start("worker", _definition(ecs, service["taskDefinition"]), {})
        watch = threading.Thread(target=self._watch, args=[ecs], daemon=True)
        watch.start()
        try:
            yield
        finally:
            self._ended.set()
            watch.join()

    def _watch(self, ecs: Any) -> None:
        while not self._ended.wait(_PAUSE):
            for arn in set(ecs.list_tasks(cluster=self.cluster)["taskArns"]) - self._seen:
                self._seen.add(arn)
                (task,) = ecs.describe_tasks(cluster=self.cluster, tasks=[arn])["tasks"]
                definition = _definition(ecs, task["taskDefinitionArn"])
                self._start(arn.rpartition("/")[2], definition, task.get("overrides", {}))

    def _start(self, task: str, definition: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
        changed = {each["name"]: each for each in overrides.get("containerOverrides", ())}
        for container in definition["containerDefinitions"]:
            words = self._words(container, changed.get(container["name"], {}))
            threading.Thread(target=self._run, args=[f"{task}-{container['name']}", words], daemon=True).start()

    def _words(self, container: Mapping[str, Any], changed: Mapping[str, Any]) -> list[str]:
        aws = self.endpoints.url("aws")
        kept = client("secretsmanager", aws)
        named = [*container.get("environment", ()), *changed.get("environment", ())]
        variables = {each["name"]: each["value"] for each in named} | {
            each["name"]: kept.get_secret_value(SecretId=each["valueFrom"])["SecretString"]
            for each in container.get("secrets", ())
        }
        here = Image(container["image"], self.label)
        command = changed.get("command") or container.get("command") or ()
        return [*here.container(variables | ROLE | {"AWS_ENDPOINT_URL": aws}), *command]

    def _run(self, container: str, words: Sequence[str]) -> None:
        with (self.logs / f"{container}.log").open("wb") as output:
            self.exits[container] = subprocess.run(words, stdout=output, stderr=output, check=False).returncode


def _definition(ecs: Any, arn: str) -> dict[str, Any]:
    found: dict[str, Any] = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    return found


@dataclass(frozen=True)
class Account:
    """An environment that was applied, set up and deployed, with its workers."""

    folder: Path
    environment: str
    endpoints: Endpoints
    terraform: Terraform
    tasks: Tasks

    @property
    def logs(self) -> dict[str, str]:
        """What containers printed, by task and container."""
        return {path.stem: path.read_text("utf-8", "replace") for path in sorted(self.tasks.logs.glob("*.log"))}

    def client(self, service: str) -> Any:
        """A boto3 client of its AWS."""
        return client(service, self.endpoints.url("aws"))

    def bucket(self, role: str) -> str:
        """The name of one of its buckets: lake, errors, runs, exchange, snapshots."""
        return f"{name(self.environment)}-{role}"


@contextmanager
def account(folder: Path, environment: str, endpoints: Endpoints, image: Image) -> Iterator[Account]:
    """The environment in the sandbox's AWS, of `image`, as infra/terraform/README.md says, until its end.

    dev logs in to Redshift by password, prod by IAM.
    """
    logs = folder / "logs"
    logs.mkdir(parents=True)
    terraform = initialized(folder, endpoints.url("aws"), environment, _variables(environment, endpoints))
    terraform.with_variables("apply", "-auto-approve")
    kept = client("secretsmanager", endpoints.url("aws"))
    for secret, value in secrets(environment).items():
        kept.put_secret_value(SecretId=secret, SecretString=value)
    configuration(folder, terraform, endpoints)
    with ExitStack() as made:
        for repository in repositories(terraform):
            made.enter_context(_pushed(folder, image, image_tag(environment, repository)))
        own = Image(image_tag(environment, "tidemark"), image.label)
        _deploy(own, environment, endpoints)
        tasks = Tasks(endpoints, name(environment), image.label, logs)
        made.enter_context(tasks.running())
        yield Account(folder, environment, endpoints, terraform, tasks)


def _variables(environment: str, endpoints: Endpoints) -> dict[str, str]:
    redshift: dict[str, Any] = {"endpoint": "127.0.0.1", "port": endpoints.port("redshift"), "database": "shop"}
    workgroup = {"workgroup": "shop", "workgroup_arn": f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:workgroup/0f1e"}
    redshift |= {"login": "password"} if environment == "dev" else workgroup
    return {
        "account_id": ACCOUNT,
        "organization": ORGANIZATION,
        "commit": commit(),
        "prefect": json.dumps({"api_url": f"{endpoints.url('prefect')}/api"}),
        "monthly_budget_usd": "500",
        "landing": json.dumps({"bucket": LANDING}),
        "redshift": json.dumps(redshift),
    }


def repositories(terraform: Terraform) -> list[str]:
    """The names of the repositories of images that were made."""
    told = json.loads(terraform.run("output", "-json"))["repository_urls"]["value"]
    return sorted(told)


def configuration(folder: Path, terraform: Terraform, endpoints: Endpoints) -> Path:
    """The project's configuration as `tidemark config from-terraform` writes it, and where the stand-ins are."""
    config = folder / "image" / "config"
    shutil.copytree(ROOT / "config", config)
    assert write(config, outputs(terraform.run("output", "-json")))
    file = config / "env" / f"{terraform.environment}.yaml"
    yaml = YAML()
    document = yaml.load(file.read_text("utf-8"))
    document["aws"]["endpoint_url"] = endpoints.url("aws")
    for connection, settings in _stand_ins(endpoints).items():
        document["connections"][connection]["settings"].update(settings)
    # Executors in containers that share an address do not share a disk.
    document["compute"]["conf"]["spark.shuffle.readHostLocalDisk"] = "false"
    for target in document["targets"].values():  # environments share a warehouse's stand-in, and no schema of it
        target["schema"] += f"_{terraform.environment}"
    with file.open("w", encoding="utf-8") as output:
        yaml.dump(document, output)
    return config


def _stand_ins(endpoints: Endpoints) -> dict[str, dict[str, Any]]:
    here, ports = {"host": "127.0.0.1"}, endpoints.ports
    snowflake = {"account": "fakesnow", "database": "SHOP", "port": ports["snowflake"], "protocol": "http"}
    return {
        "snowflake": here | snowflake,
        "redshift": {"ssl": False},
        "crm": {"base_url": endpoints.url("crm")},
    }


@contextmanager
def _pushed(folder: Path, image: Image, tag: str) -> Iterator[None]:
    """The image with the folder's configuration in it, as a build of the commit that has it would make it."""
    context = folder / "image"
    lines = context / "Dockerfile"
    lines.write_text(f"FROM {image.tag}\nCOPY config /opt/tidemark/project/config\n")
    build = ["buildah", "bud", "--format", "docker", "--isolation", "chroot", "--pull-never", "--tag", tag]
    made = subprocess.run([*build, "--file", lines, context], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[-3000:]
    try:
        yield
    finally:
        subprocess.run(["podman", "rmi", "--force", tag], capture_output=True, check=True)


def _deploy(image: Image, environment: str, endpoints: Endpoints) -> None:
    """As the pipeline does, from the image itself."""
    variables = ROLE | {"AWS_ENDPOINT_URL": endpoints.url("aws"), "PREFECT_API_KEY": PREFECT_KEY}
    for command in ("setup", "deploy", "automations"):
        words = ("tidemark", "prefect", command, "--env", environment)
        answer = image.run(*words, env=variables, seconds=600)
        assert answer.returncode == 0, answer.stdout[-2000:] + answer.stderr[-4000:]
