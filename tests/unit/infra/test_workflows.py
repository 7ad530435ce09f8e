"""Workflows use only what is pinned, ask for no right that they do not need, and keep people's approval before prod."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(".github/workflows")
WORKFLOWS: dict[str, dict[Any, Any]] = {
    path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.yml"))
}
_USES = re.compile(r"uses: (?P<action>[^@\s]+)(?:@(?P<at>\S+))?(?: # (?P<told>\S+))?")
_INPUT = re.compile(r"\$\{\{")

every_workflow = pytest.mark.parametrize("name", WORKFLOWS)


def jobs(name: str) -> dict[str, dict[str, Any]]:
    return WORKFLOWS[name]["jobs"]


@every_workflow
def test_every_action_is_pinned_by_its_commit_and_says_which_version_that_is(name: str) -> None:
    for found in _USES.finditer((FOLDER / f"{name}.yml").read_text("utf-8")):
        if found["action"].startswith("./"):
            assert Path(found["action"]).is_file()
            continue
        assert re.fullmatch(r"[0-9a-f]{40}", found["at"] or ""), found[0]
        assert re.fullmatch(r"v\d+\.\d+\.\d+", found["told"] or ""), found[0]


def test_an_action_has_one_version() -> None:
    pins: dict[str, set[str]] = {}
    for name in WORKFLOWS:
        for found in _USES.finditer((FOLDER / f"{name}.yml").read_text("utf-8")):
            if not found["action"].startswith("./"):
                pins.setdefault(found["action"], set()).add(f"{found['at']} {found['told']}")
    assert {action: each for action, each in pins.items() if len(each) > 1} == {}


@every_workflow
def test_rights_are_given_by_job_and_time_is_limited(name: str) -> None:
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    for job in jobs(name).values():
        assert "uses" in job or job["timeout-minutes"] <= 350
        rights = job.get("permissions", {})
        assert set(rights.items()) <= {("contents", "read"), ("id-token", "write")}
        if rights.get("id-token"):
            assert "environment" in job or "uses" in job, "a role is lent to an environment"


@every_workflow
def test_no_expression_is_put_into_a_shell(name: str) -> None:
    """What others may have written (a branch's name, an input) goes there by a variable, or becomes code."""
    scripts = [step["run"] for job in jobs(name).values() for step in job.get("steps", ()) if "run" in step]
    allowed = re.compile(r"\$\{\{ matrix\.\w+ \}\}")
    assert [script for script in scripts if _INPUT.search(allowed.sub("", script))] == []


def test_prod_comes_after_dev_with_the_same_images_and_an_environment_that_asks() -> None:
    deploy = jobs("deploy")
    assert deploy["dev"]["needs"] == "images"
    assert set(deploy["prod"]["needs"]) == {"images", "dev"}
    given = [deploy[name]["with"] for name in ("dev", "prod")]
    assert [each["environment"] for each in given] == ["dev", "prod"]
    assert given[0]["commit"] == given[1]["commit"]
    assert jobs("environment")["release"]["environment"] == "${{ inputs.environment }}"
    assert jobs("infrastructure")["apply"]["environment"] == "${{ inputs.environment }}"
    assert jobs("infrastructure")["apply"]["needs"] == "plan"


def test_what_is_deployed_has_passed() -> None:
    triggers = WORKFLOWS["deploy"][True]  # YAML reads `on` so
    assert triggers["workflow_run"]["workflows"] == [WORKFLOWS["ci"]["name"]]
    assert "conclusion == 'success'" in jobs("deploy")["images"]["if"]


def test_images_are_pushed_by_the_commits_sha_and_scanned_before_they_are_deployed() -> None:
    steps = [step["run"] for step in jobs("environment")["release"]["steps"] if "run" in step]
    (push,) = [number for number, script in enumerate(steps) if "docker push" in script]
    (scan,) = [number for number, script in enumerate(steps) if "image-scan-complete" in script]
    (deploy,) = [number for number, script in enumerate(steps) if "tidemark prefect" in script]
    assert push < scan < deploy
    assert ":latest" not in "\n".join(steps)
