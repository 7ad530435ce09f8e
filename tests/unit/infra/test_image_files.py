"""What the image is made of: nothing that lies about gets in, and its scripts do what they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from sandbox import lifecycle

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
IGNORED = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text("utf-8"))


class _Api(BaseHTTPRequestHandler):
    answer = 200

    def do_GET(self) -> None:
        self.send_response(self.answer)
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The test's output stays clean."""


@pytest.fixture
def api() -> Iterator[str]:
    """The address of something that answers as `_Api.answer` says."""
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}/api"
    listening.shutdown()
    thread.join()
    listening.server_close()


def healthcheck(**variables: str) -> tuple[int, str]:
    script = [sys.executable, str(ROOT / "docker" / "healthcheck")]
    asked = subprocess.run(script, env=variables, capture_output=True, text=True, timeout=60, check=False)
    return asked.returncode, asked.stderr


def entrypoint(*arguments: str, programs: Path) -> str:
    """What the entry point prints where `tidemark` is a program that prints its arguments."""
    program = programs / "tidemark"
    program.write_text('#!/bin/sh\necho "tidemark:$*"\n')
    program.chmod(0o755)
    command = [str(ROOT / "docker" / "entrypoint"), *arguments]
    path = os.pathsep.join((str(programs), os.environ["PATH"]))
    return subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, timeout=60, check=True).stdout


def _covers(entry: str, source: str) -> bool:
    """Whether a line of .dockerignore is about a file or folder."""
    return fnmatch(source, entry) or source.startswith(f"{entry}/")


def test_the_context_holds_what_is_copied_and_nothing_else() -> None:
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    let_in = [line.removeprefix("!") for line in IGNORED if line.startswith("!")]
    assert IGNORED[1] == "*"
    assert {source for source in copied if not any(_covers(entry, source) for entry in let_in)} == set()
    assert {entry for entry in let_in if not any(_covers(entry, source) for source in copied)} == set()
    assert all((ROOT / source).exists() for source in copied)


def test_what_fetches_the_jars_has_all_that_it_imports(tmp_path: Path) -> None:
    """A layer of the image is made of these few files, so that a change of others does not fetch the jars anew."""
    for line in re.findall(r"^COPY (src/\S+ .*)$", DOCKERFILE, re.MULTILINE):
        *sources, target = line.split()
        (tmp_path / target).mkdir(parents=True, exist_ok=True)
        for source in sources:
            shutil.copy(ROOT / source, tmp_path / target)
    command = [sys.executable, "-c", "import tidemark.spark.jars as found; print(found.__file__)"]
    there = {"PYTHONPATH": str(tmp_path / "jars"), "PATH": os.environ["PATH"]}
    answer = subprocess.run(command, cwd=tmp_path, env=there, capture_output=True, text=True, timeout=60, check=False)
    assert answer.stdout.strip() == str(tmp_path / "jars" / "tidemark" / "spark" / "jars.py"), answer.stderr


def test_what_is_installed_is_locked() -> None:
    installs = re.findall(r"pip install (.+?)(?:\n(?! )|\Z)", DOCKERFILE.replace("\\\n", " "), re.DOTALL)
    assert len(installs) >= 4
    assert [line for line in installs if "--require-hashes" not in line and "--no-deps" not in line] == []


def test_an_image_says_which_commit_it_is_of() -> None:
    stages = [stage for stage in re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE) if "LABEL" in stage]
    assert len(stages) == 2
    for stage in stages:
        assert 'org.opencontainers.image.revision="${GIT_SHA}"' in stage
        assert re.search(r"^USER (10001:10001|hadoop:hadoop)$", stage, re.MULTILINE)
        assert "TIDEMARK_COMMIT=${GIT_SHA}" in stage, "a container deploys the commit of its image"


def stage(name: str) -> str:
    """The lines of a stage of the Dockerfile."""
    (found,) = [part for part in re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE) if f"AS {name}\n" in part]
    return found.replace("\\\n", " ")


def test_the_image_for_emr_is_as_amazons_validator_wants_it() -> None:
    assert re.findall(r"^WORKDIR (\S+)$", stage("emr-serverless"), re.MULTILINE) == ["/home/hadoop"]
    assert re.findall(r"^USER (\S+)$", stage("emr-serverless"), re.MULTILINE)[-1] == "hadoop:hadoop"
    assert not re.search(r"^(ENTRYPOINT|CMD)", stage("emr-serverless"), re.MULTILINE), "they are Amazon's"


def test_a_command_of_the_image_is_run_as_it_is(tmp_path: Path) -> None:
    assert entrypoint("echo", "a  b", programs=tmp_path) == "a  b\n"


@pytest.mark.parametrize("arguments", [("run", "--env", "dev"), ("--help",)])
def test_everything_else_is_tidemarks(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert entrypoint(*arguments, programs=tmp_path) == f"tidemark:{' '.join(arguments)}\n"


def test_without_a_server_there_is_nothing_to_be_ill() -> None:
    assert healthcheck() == (0, "")


@pytest.mark.parametrize(("answer", "exit_code"), [(200, 0), (401, 0), (500, 1)])
def test_healthy_is_what_reaches_the_api(
    api: str, answer: int, exit_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Api, "answer", answer)
    assert healthcheck(PREFECT_API_URL=api)[0] == exit_code


def test_what_does_not_answer_is_named() -> None:
    exit_code, said = healthcheck(PREFECT_API_URL="http://127.0.0.1:9/api", PREFECT_WORKER_WEBSERVER_PORT="9")
    assert exit_code == 1
    assert "http://127.0.0.1:9/api/health does not answer" in said
    assert "http://127.0.0.1:9/health does not answer" in said


def test_compose_opens_ports_on_this_machine_only() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def needs(service: str) -> set[str]:
    """The services that are up before this one starts."""
    first = set(COMPOSE["services"][service].get("depends_on", ()))
    return first.union(*map(needs, first))


def test_what_lives_in_the_sandboxs_network_starts_after_it() -> None:
    beside = [name for name, service in COMPOSE["services"].items() if "network_mode" in service]
    assert "worker" in beside
    assert {COMPOSE["services"][name]["network_mode"] for name in beside} == {"service:sandbox"}
    assert [name for name in beside if "sandbox" not in needs(name)] == []
    assert {"postgres", "prefect"} <= needs("worker")


def test_a_new_volume_of_compose_belongs_to_the_images_user() -> None:
    """Docker gives a new volume the owner of the folder it is mounted over, and root's where there is none."""
    (user,) = re.findall(r"^USER (\S+)$", stage("runtime"), re.MULTILINE)
    number, group = user.split(":")
    made = re.findall(rf"install --directory --owner={number} --group={group} (\S+)", stage("runtime"))
    mounted = {
        volume.split(":")[1]
        for service in COMPOSE["services"].values()
        if service["image"] == "tidemark-sandbox:local"
        for volume in service.get("volumes", ())
    }
    assert mounted
    assert mounted <= set(made)
    (home,) = re.findall(r"TIDEMARK_HOME=(\S+)", stage("runtime"))
    assert home in mounted


def test_compose_ends_in_a_daily_run_of_what_is_deployed() -> None:
    services = COMPOSE["services"]
    once = {name for name, service in services.items() if service.get("restart") == "no"}
    assert once == {"setup", "deploy", "automations", "daily"}
    assert needs("daily") >= {"setup", "deploy", "worker", "prefect", "sandbox", "postgres"}
    assert services["worker"]["depends_on"]["deploy"] == {"condition": "service_completed_successfully"}
    assert services["daily"]["depends_on"]["worker"] == {"condition": "service_healthy"}
    assert services["daily"]["command"][:4] == ["prefect", "deployment", "run", "daily/daily.local"]
    for name in once - {"daily"}:
        after = [each for each, service in services.items() if name in service.get("depends_on", {})]
        assert all(
            services[each]["depends_on"][name]["condition"] == "service_completed_successfully" for each in after
        )
        assert after or name == "automations"
    assert all(services[name]["environment"]["PREFECT_API_URL"].endswith(":4200/api") for name in [*once, "worker"])


def test_the_commands_of_compose_are_commands() -> None:
    from click.testing import CliRunner
    from typer.main import get_command

    from cli.main import app

    command = get_command(app)
    ours = [
        service["command"] for service in COMPOSE["services"].values() if service.get("command", [""])[0] == "tidemark"
    ]
    assert ours
    for words in ours:
        assert CliRunner().invoke(command, [*words[1:], "--help"]).exit_code == 0, words


def test_compose_asks_for_stand_ins_that_there_are() -> None:
    command = COMPOSE["services"]["sandbox"]["command"]
    assert command[:3] == ["python", "-m", "sandbox.standing"]
    assert set(command[3:]) == set(lifecycle.ALL) - {"prefect"}
