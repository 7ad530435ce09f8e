"""Every deployment with its pull step, in a folder that is laid out as the image: what a flow finds when it starts."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from prefect.deployments.steps.core import StepExecutionError, run_steps
from prefect.variables import Variable

from blocks.checkout import COMMIT
from blocks.deployments import deployments
from blocks.workspace import IMAGE_DIRECTORY, variables
from tests.support.deployments.prefect_file import FILE, flow_of
from tidemark.config.environment import Environment, load_environment
from tidemark.config.project import load_project

pytestmark = pytest.mark.usefixtures("prefect_server")

ROOT = Path(__file__).parents[3]
CONTAINERS = [
    name
    for name in sorted(path.stem for path in (ROOT / "config" / "env").glob("*.yaml"))
    if (prefect := load_environment(ROOT / "config", name).prefect) and prefect.work_pool.type != "process"
]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the Dockerfile copies from the checkout into the project's folder of the image."""
    root = tmp_path_factory.mktemp("image")
    copied = re.findall(rf"^COPY (\S+) ({IMAGE_DIRECTORY}\S*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert copied
    for source, place in copied:
        there = root / place.lstrip("/")
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, there)
        else:
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, there if not place.endswith("/") else there / source)
    return root


def filled(part: Any, environment: Environment) -> Any:
    """A part of the file, with the variables that the environment's server has."""
    assert environment.prefect is not None
    text = json.dumps(part)
    for name, value in variables(environment.name, "config", environment.prefect).items():
        text = text.replace(f"{{{{ prefect.variables.{name} }}}}", str(value))
    assert "{{" not in text
    return json.loads(text)


@pytest.fixture(params=CONTAINERS)
def environment(request: pytest.FixtureRequest) -> Environment:
    return load_environment(ROOT / "config", request.param)


@pytest.fixture
def pulled(environment: Environment, image: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a flow run of this environment starts in, after its pull step."""
    steps = filled(deployments(environment.name, ROOT / "prefect.yaml")["pull"], environment)
    for step in steps:
        for settings in step.values():
            settings["directory"] = f"{image}{settings['directory']}"
    monkeypatch.chdir(image)  # the step changes it; this brings it back
    asyncio.run(run_steps(steps))
    return Path.cwd()


def test_there_are_environments_that_run_in_containers() -> None:
    assert set(CONTAINERS) == {"dev", "prod"}


def test_the_flow_finds_its_configuration(environment: Environment, image: Path, pulled: Path) -> None:
    assert pulled == Path(f"{image}{IMAGE_DIRECTORY}")
    for deployment in deployments(environment.name)["deployments"]:
        name, given = deployment["name"], filled(deployment["parameters"], environment)
        flow = flow_of(deployment)
        assert flow.fn.__name__ == str(deployment["entrypoint"]).rpartition(".")[2], name
        assert (given["env"], given["config"]) == (environment.name, "config")
        assert set(given) <= set(flow.parameters.properties)
    project = load_project(given["config"], given["env"])
    assert project.environment.name == environment.name
    assert len(project.tables) > 30


def test_the_image_has_what_deploys(image: Path) -> None:
    project = Path(f"{image}{IMAGE_DIRECTORY}")
    assert (project / "prefect.yaml").read_bytes() == (ROOT / "prefect.yaml").read_bytes()
    (step,) = FILE["build"]
    ((name, given),) = step.items()
    module, _, function = name.rpartition(".")
    asked = signature(getattr(import_module(module), function))
    assert set(given) - {"id"} <= set(asked.parameters)


@pytest.mark.parametrize(("image", "sha"), [("", "0f1e2d3"), ("registry.example/tidemark", "0f1e2d3")])
def test_what_is_deployed_is_the_commit(image: str, sha: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMMIT, sha)
    Variable.set("tidemark_test_image", image, overwrite=True)
    try:
        outputs = asyncio.run(run_steps([dict(step) for step in deployments("test", ROOT / "prefect.yaml")["build"]]))
    finally:
        Variable.unset("tidemark_test_image")
    assert outputs["commit"] == {"sha": sha}


def test_a_checkout_that_is_not_committed_is_not_deployed_for_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(COMMIT, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    Variable.set("tidemark_test_image", "registry.example/tidemark", overwrite=True)
    try:
        with pytest.raises(StepExecutionError):
            asyncio.run(run_steps([dict(step) for step in deployments("test", ROOT / "prefect.yaml")["build"]]))
    finally:
        Variable.unset("tidemark_test_image")
