"""Workflows use only what is pinned, ask for no right that they do not need, and keep people's approval before prod."""

from __future__ import annotations

import re
import subprocess
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


def scripts(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def shell(name: str, job: dict[str, Any], step: dict[str, Any]) -> list[str]:
    """The command with which GitHub runs a step's script."""
    levels = (step, *(each.get("defaults", {}).get("run", {}) for each in (job, WORKFLOWS[name])))
    named = next((level["shell"] for level in levels if "shell" in level), None)
    known = {None: ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}
    return known[named]


def step_that(name: str, job: str, runs: str) -> dict[str, Any]:
    (step,) = [step for step in jobs(name)[job]["steps"] if runs in step.get("run", "")]
    return step


def as_github_runs(
    name: str, job: str, runs: str, folder: Path, stand_ins: dict[str, str], variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Runs the script in which `runs` stands, with stand-ins of commands."""
    for command, script in stand_ins.items():
        (folder / command).write_text(f"#!/usr/bin/env bash\n{script}\n", "utf-8")
        (folder / command).chmod(0o755)
    step = step_that(name, job, runs)
    script = folder / "script.sh"
    script.write_text(step["run"], "utf-8")
    return subprocess.run(
        [*shell(name, jobs(name)[job], step), str(script)],
        cwd=folder,
        env={"PATH": f"{folder}:/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@every_workflow
def test_a_command_that_fails_in_a_pipe_fails_its_step(name: str) -> None:
    """A shell that nobody names goes without pipefail."""
    for job in jobs(name).values():
        for step in job.get("steps", ()):
            if "run" in step:
                assert "pipefail" in shell(name, job, step), step["run"]


def test_a_plan_that_fails_is_no_plan(tmp_path: Path) -> None:
    told = {"VARIABLES": "", "SHA": "0f1e", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    failing = {"terraform": "echo refused; exit 1"}
    assert as_github_runs("infrastructure", "plan", "terraform plan", tmp_path, failing, told).returncode == 1


def test_outputs_that_cannot_be_read_are_not_taken_for_no_application(tmp_path: Path) -> None:
    failing = {"terraform": "exit 1", "jq": "cat"}
    assert as_github_runs("infrastructure", "apply", "stop-application", tmp_path, failing, {}).returncode == 1


def test_what_the_next_step_needs_is_there_or_the_job_fails() -> None:
    uploads = [
        step["with"]
        for job in jobs("infrastructure").values()
        for step in job["steps"]
        if "upload-artifact" in step.get("uses", "")
    ]
    assert [each["if-no-files-found"] for each in uploads] == ["error", "error"]


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
    for job in ("push", "deploy"):
        assert jobs("environment")[job]["environment"] == "${{ inputs.environment }}"
    assert jobs("infrastructure")["apply"]["environment"] == "${{ inputs.environment }}"
    assert jobs("infrastructure")["apply"]["needs"] == "plan"


DIGEST = f"@sha256:{'0a' * 32}"


@pytest.mark.parametrize(
    ("python", "emr", "exit_code"),
    [
        (f"python:3.11{DIGEST}", f"emr:8{DIGEST}", 0),
        ("python:3.11", f"emr:8{DIGEST}", 1),
        (f"python:3.11{DIGEST}", "", 1),  # as the Dockerfile says
        (f"python:3.11{DIGEST[:-1]}", f"emr:8{DIGEST}", 1),
        (DIGEST, f"emr:8{DIGEST}", 1),
    ],
)
def test_no_image_is_published_whose_base_is_another_tomorrow(
    tmp_path: Path, python: str, emr: str, exit_code: int
) -> None:
    (tmp_path / "Dockerfile").write_text(Path("Dockerfile").read_text("utf-8"))
    told = {"PYTHON_IMAGE": python, "EMR_IMAGE": emr, "GITHUB_ENV": str(tmp_path / "told")}
    answer = as_github_runs("deploy", "images", "sha256", tmp_path, {}, told)
    assert answer.returncode == exit_code, answer.stdout
    if exit_code:
        assert "::error::" in answer.stdout
    else:
        assert (tmp_path / "told").read_text().splitlines() == [f"PYTHON_IMAGE={python}", f"EMR_IMAGE={emr}"]


def test_images_are_built_on_the_bases_that_were_looked_at() -> None:
    steps = [step["run"] for step in jobs("deploy")["images"]["steps"] if "run" in step]
    (looks,) = [number for number, script in enumerate(steps) if "sha256" in script]
    (builds,) = [
        number for number, script in enumerate(steps) if "docker build" in script and "docker buildx" not in script
    ]
    assert looks < builds
    assert steps[builds].count("--build-arg PYTHON_IMAGE --build-arg EMR_IMAGE") == 1
    assert steps[builds].count('docker build "${bases[@]}"') == steps[builds].count("docker build ") == 2


def test_what_is_deployed_has_passed() -> None:
    triggers = WORKFLOWS["deploy"][True]  # YAML reads `on` so
    assert triggers["workflow_run"]["workflows"] == [WORKFLOWS["ci"]["name"]]
    assert "conclusion == 'success'" in jobs("deploy")["images"]["if"]


def test_images_are_pushed_and_scanned_then_applied_then_deployed() -> None:
    """A deployment of a commit whose image EMR's application does not have yet is refused by the worker."""
    environment = jobs("environment")
    assert list(environment) == ["push", "apply", "deploy"]
    assert (environment["apply"]["needs"], environment["deploy"]["needs"]) == ("push", "apply")
    assert environment["apply"]["uses"] == "./.github/workflows/infrastructure.yml"
    assert environment["apply"]["with"]["commit"] == "${{ inputs.commit }}"
    pushing, deploying = (scripts(environment[job]) for job in ("push", "deploy"))
    (push,) = [number for number, script in enumerate(pushing) if "docker push" in script]
    (scan,) = [number for number, script in enumerate(pushing) if "image-scan-complete" in script]
    assert push < scan
    assert sum("tidemark prefect" in script for script in deploying) == 1
    assert ":latest" not in "\n".join([*pushing, *deploying])


def test_the_application_of_emr_stands_still_when_it_gets_another_image() -> None:
    applying = scripts(jobs("infrastructure")["apply"])
    (stop,) = [number for number, script in enumerate(applying) if "stop-application" in script]
    (apply,) = [number for number, script in enumerate(applying) if "terraform apply" in script]
    assert stop < apply


def test_a_plan_writes_nothing_and_an_apply_locks() -> None:
    """The state's lock is a file, and the role of a plan only reads."""
    (plan,) = [script for script in scripts(jobs("infrastructure")["plan"]) if "terraform plan" in script]
    assert "-lock=false" in plan
    assert not any("-lock=false" in script for script in scripts(jobs("infrastructure")["apply"]))


def test_artifacts_of_two_environments_in_one_run_have_two_names() -> None:
    for job in jobs("infrastructure").values():
        for step in job["steps"]:
            if "artifact" in step.get("uses", ""):
                assert step["with"]["name"].endswith("-${{ inputs.environment }}")


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        ("", "PREFECT_API_KEY=value-of-tidemark/dev/prefect-api-key"),
        ("key", "PREFECT_API_KEY=value-of-tidemark/dev/prefect-api-key"),
        ("auth_string", "PREFECT_API_AUTH_STRING=value-of-tidemark/dev/prefect-auth-string"),
        ("none", ""),
        ("password", None),
    ],
)
def test_the_secret_is_put_where_the_login_to_prefect_wants_it(
    login: str, expected: str | None, tmp_path: Path
) -> None:
    """The script itself, with commands in place of AWS and Docker that tell what they were given."""
    told = tmp_path / "told"
    stand_ins = {
        "aws": 'case $1 in secretsmanager) echo "value-of-$4" ;; *) echo token ;; esac',
        "docker": f"""
            if [[ $1 == login ]]; then cat > /dev/null; fi
            if [[ $1 == run ]]; then env | grep "^PREFECT_API" >> {told}; echo "$@" >> {told}; fi
        """,
    }
    told_to_it = {"SHA": "0f1e", "TARGET": "dev", "REGISTRY": "r", "PREFIX": "p/", "LOGIN": login}
    done = as_github_runs("environment", "deploy", "tidemark prefect", tmp_path, stand_ins, told_to_it)
    if expected is None:
        assert done.returncode == 1
        assert "::error::PREFECT_LOGIN is password" in done.stdout
        assert not told.exists()
        return
    assert done.returncode == 0, done.stderr
    lines = told.read_text("utf-8").splitlines()
    assert {line for line in lines if "=" in line} == ({expected} if expected else set())
    ran = [line for line in lines if line.startswith("run")]
    assert [line.split("tidemark prefect ")[1] for line in ran] == [
        f"{each} --env dev" for each in ("setup", "deploy", "automations")
    ]
    assert all(("--env PREFECT_API" in line) == bool(expected) for line in ran)
    assert "value-of" not in "\n".join(ran)


def test_the_pipelines_login_has_the_words_of_terraforms() -> None:
    script = step_that("environment", "deploy", "tidemark prefect")["run"]
    stack = Path("infra/terraform/stack/main.tf").read_text("utf-8")
    known = re.findall(r'(\w+) += \{ variable = "(\w+)", secret = "([\w-]+)"', stack)
    assert [each[0] for each in known] == ["key", "auth_string"]
    for login, variable, secret in known:
        assert f"{login}) variable={variable} secret={secret} ;;" in script
