"""What Terraform made gets into an environment's file, and nothing else there changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from tidemark.config.environment import load_environment
from tidemark.config.infrastructure import Told, outputs, write
from tidemark.errors import ConfigError

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration folder with the environments as they ship."""
    shutil.copytree(CONFIG / "env", tmp_path / "env")
    return tmp_path


def told(**of_dev: Any) -> dict[str, Any]:
    return {"name": "dev", **of_dev}


def test_values_are_put_in_place_and_comments_stay(folder: Path) -> None:
    before = (folder / "env" / "dev.yaml").read_text("utf-8").splitlines()
    changes = write(folder, told(state={"kind": "dynamodb", "location": "acme-tidemark-dev-state"}))
    after = (folder / "env" / "dev.yaml").read_text("utf-8").splitlines()
    assert changes == (Told("state.location", "tidemark-dev-state", "acme-tidemark-dev-state"),)
    assert [line for line in after if line not in before] == ["  location: acme-tidemark-dev-state"]
    assert [line for line in before if "#" in line] == [line for line in after if "#" in line]
    assert write(folder, told(state={"kind": "dynamodb", "location": "acme-tidemark-dev-state"})) == ()


def test_what_a_work_pool_wants_is_there_for_the_setup(folder: Path) -> None:
    network = {"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}
    variables = {"cluster": "acme-tidemark-dev", "network_configuration": network}
    write(folder, told(prefect={"work_pool": {"variables": variables}}))
    environment = load_environment(folder, "dev")
    assert environment.prefect is not None
    assert environment.prefect.work_pool.variables == variables
    assert environment.prefect.work_pool.name == "tidemark-ecs"


def test_a_login_by_iam_takes_the_secrets_place(folder: Path) -> None:
    settings = {"host": "h.example", "iam": True, "workgroup": "shop"}
    write(folder, told(connections={"redshift": {"secret": None, "settings": settings}}))
    spec = load_environment(folder, "dev").connections["redshift"]
    assert spec.secret is None
    assert (spec.settings["iam"], spec.settings["host"], spec.settings["port"]) == (True, "h.example", 5439)


def test_alert_channels_of_others_stay(folder: Path) -> None:
    path = folder / "env" / "dev.yaml"
    path.write_text(path.read_text("utf-8").replace("alerts:\n", "alerts:\n  - {channel: log, on: [error]}\n"), "utf-8")
    topic = {"channel": "sns", "target": "arn:aws:sns:eu-central-1:111122223333:acme-error", "on": ["error"]}
    write(folder, told(alerts=[topic]))
    alerts = load_environment(folder, "dev").alerts
    assert [(alert.channel, alert.target) for alert in alerts] == [("sns", topic["target"]), ("log", None)]


def test_a_connection_that_the_file_does_not_have_is_not_invented(folder: Path) -> None:
    assert write(folder, told(connections={"erp": {"secret": "tidemark/dev/erp"}})) == ()


def test_a_dry_run_writes_nothing(folder: Path) -> None:
    before = (folder / "env" / "dev.yaml").read_bytes()
    assert write(folder, told(aws={"region": "eu-west-1"}), dry_run=True)
    assert (folder / "env" / "dev.yaml").read_bytes() == before


def test_what_would_not_be_valid_is_not_written(folder: Path) -> None:
    before = (folder / "env" / "dev.yaml").read_bytes()
    with pytest.raises(ConfigError, match="environment dev is not valid"):
        write(folder, told(state={"kind": "paper"}))
    assert (folder / "env" / "dev.yaml").read_bytes() == before
    assert sorted(path.name for path in (folder / "env").iterdir()) == ["dev.yaml", "local.yaml", "prod.yaml"]


def test_an_environment_without_a_file_is_not_made_up(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no .*stage\.yaml"):
        write(folder, {"name": "stage"})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tidemark": {"value": {}}}', '{"tidemark": 1}'])
def test_what_is_no_output_of_terraform_says_how_to_get_it(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        outputs(text)
    assert "terraform output -json" in str(raised.value.next_step)


def test_the_command_reads_what_terraform_prints(folder: Path) -> None:
    text = json.dumps({"tidemark": {"sensitive": False, "value": told(aws={"region": "eu-west-1"})}})
    command = ["config", "from-terraform", "--config", str(folder)]
    done = CliRunner().invoke(app, [*command, "--json"], input=text)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == [{"path": "aws.region", "before": "eu-central-1", "after": "eu-west-1"}]
    again = CliRunner().invoke(app, command, input=text)
    assert "env/dev.yaml says it all already" in again.output
