"""Released tables in Glue and Lake Formation, by the real clients: entries, tags by contract, who may read what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pyarrow as pa
import pytest
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner

from cli.main import app
from flows.running.telling.collector import Collector
from flows.running.telling.glue import register_released
from flows.running.telling.progress import LoggingWatcher
from sandbox.services.cloud import aws_gaps
from tests.support.lakes.lake import ENVIRONMENT
from tests.support.lakes.released import ReaderLake
from tidemark.control.runs import Run, RunSummary
from tidemark.control.state import open_state
from tidemark.errors import ConfigError
from tidemark.governance.registering import register
from tidemark.governance.review import EVERYBODY, Reader, review

REGION, DATABASE, TAG = "eu-central-1", "tidemark_test_gold", "test-classification"
ANALYSTS, DOCTORS = "arn:aws:iam::111122223333:role/analysts", "arn:aws:iam::111122223333:role/doctors"


class Account:
    """An account with Glue's database and Lake Formation's tag, as Terraform makes them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.glue, self.formation = self.client("glue"), self.client("lakeformation")
        self.glue.create_database(DatabaseInput={"Name": DATABASE})
        values = ["public", "internal", "confidential", "personal"]
        self.formation.create_lf_tag(TagKey=TAG, TagValues=values)

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, region_name=REGION, endpoint_url=self.url, **keys)

    def entry(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.glue.get_table(DatabaseName=DATABASE, Name=name)["Table"]
        return found

    def columns(self, name: str) -> list[tuple[str, str, str]]:
        stored = self.entry(name)["StorageDescriptor"]["Columns"]
        return [(each["Name"], each["Type"], each.get("Comment", "")) for each in stored]

    def tags(self, name: str) -> dict[str, str]:
        place = {"Table": {"DatabaseName": DATABASE, "Name": name}}
        answer = self.formation.get_resource_lf_tags(Resource=place, ShowAssignedLFTags=True)
        return {each["Name"]: each["LFTags"][0]["TagValues"][0] for each in answer["LFTagsOnColumns"]}

    def grant(self, who: str, resource: dict[str, Any], *permissions: str) -> None:
        principal = {"DataLakePrincipalIdentifier": who}
        self.formation.grant_permissions(Principal=principal, Resource=resource, Permissions=list(permissions))


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "test")
    aws_gaps.install()
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    httpx.post(f"{url}/moto-api/reset").raise_for_status()
    try:
        yield Account(url)
    finally:
        server.stop()


@pytest.fixture
def lake(tmp_path: Path, account: Account) -> ReaderLake:
    found = ReaderLake(tmp_path)
    glue = {"databases": {"gold": DATABASE}, "tags": {"classification": TAG}}
    aws = {"region": REGION, "endpoint_url": account.url}
    found._write("env/test.yaml", ENVIRONMENT | {"home": str(tmp_path / "home"), "glue": glue, "aws": aws})
    found.table("gold.people", "id: int", "email: string", "spent: double", personal=("email",))
    rows = {
        "id": [1],
        "email": ["x"],
        "spent": [0.5],
        "price": pa.array([None], pa.decimal128(9, 2)),
        "drifted": [["a"]],
    }
    found.write("gold.people", pa.table(rows | {"_batch_id": ["b"]}))
    found.release()
    return found


def outcomes(lake: ReaderLake) -> dict[str, str]:
    return {each.table: each.outcome for each in register(lake.open())}


def test_a_released_table_is_an_entry_that_athena_reads_as_delta(lake: ReaderLake, account: Account) -> None:
    contract = lake.root / "config" / "gold" / "people.contract.yaml"
    contract.write_text(
        contract.read_text().replace("- name: id\n", "- name: id\n    description: |\n      Who  it\n      is.\n")
    )

    assert outcomes(lake) == {"gold.people": "created"}

    entry = account.entry("people")
    assert entry["TableType"] == "EXTERNAL_TABLE"
    assert entry["Parameters"]["table_type"] == "DELTA"
    assert entry["Parameters"]["spark.sql.sources.provider"] == "delta"
    assert entry["StorageDescriptor"]["Location"] == lake.path("gold.people")
    assert account.columns("people") == [
        ("id", "bigint", "Who it is."),
        ("email", "string", ""),
        ("spent", "double", ""),
        ("price", "decimal(9,2)", ""),
        ("drifted", "array<string>", ""),
        ("_batch_id", "string", ""),
    ]
    assert outcomes(lake) == {"gold.people": "unchanged"}, "an entry that says the same is not written again"


def test_columns_are_tagged_as_their_contract_says_and_what_nobody_described_is_personal(
    lake: ReaderLake, account: Account
) -> None:
    register(lake.open())
    expected = {
        "id": "internal",
        "email": "personal",
        "spent": "internal",
        "price": "personal",
        "drifted": "personal",
        "_batch_id": "internal",
    }
    assert account.tags("people") == expected

    lake.table("gold.people", "id: int", "email: string", "spent: double", "drifted: string", personal=("spent",))
    assert outcomes(lake) == {"gold.people": "tagged"}
    assert account.tags("people") == expected | {"email": "internal", "spent": "personal", "drifted": "internal"}


def test_a_new_column_of_a_release_is_in_the_entry_and_one_that_is_not_released_is_not(
    lake: ReaderLake, account: Account
) -> None:
    register(lake.open())
    lake.table("gold.fresh", "id: int")
    lake.write("gold.fresh", pa.table({"id": pa.array([1], pa.int32()), "part": ["a"]}))
    assert outcomes(lake) == {"gold.people": "unchanged"}

    lake.release()
    assert outcomes(lake) == {"gold.people": "unchanged", "gold.fresh": "created"}
    assert account.columns("fresh") == [("id", "int", ""), ("part", "string", "")]


def test_somebody_elses_entry_stays_and_one_that_was_made_by_hand_for_the_folder_becomes_ours(
    lake: ReaderLake, account: Account
) -> None:
    def by_hand(location: str) -> None:
        storage = {"Location": location, "Columns": [{"Name": "a", "Type": "string"}]}
        account.glue.create_table(DatabaseName=DATABASE, TableInput={"Name": "people", "StorageDescriptor": storage})

    by_hand("s3://elsewhere/people")
    (found,) = register(lake.open())
    assert (found.outcome, "somebody else's" in found.why) == ("failed", True)
    assert account.columns("people")[0][0] == "a"

    account.glue.delete_table(DatabaseName=DATABASE, Name="people")
    by_hand(f"{lake.path('gold.people')}/")
    assert outcomes(lake) == {"gold.people": "updated"}
    assert account.columns("people")[0][0] == "id"


def test_an_entry_without_a_table_in_the_project_is_told_and_stays(lake: ReaderLake, account: Account) -> None:
    register(lake.open())
    for path in (lake.root / "config" / "gold").glob("people.*"):
        path.unlink()
    lake.table("gold.other", "id: int")

    assert [(each.table, each.outcome) for each in register(lake.open())] == [("gold.people", "left over")]
    assert account.entry("people")


def test_who_may_read_is_what_grants_and_tags_say_together(lake: ReaderLake, account: Account) -> None:
    register(lake.open())
    internal = [{"TagKey": TAG, "TagValues": ["public", "internal"]}]
    account.grant(ANALYSTS, {"LFTagPolicy": {"ResourceType": "TABLE", "Expression": internal}}, "SELECT", "DESCRIBE")
    account.grant(
        DOCTORS, {"TableWithColumns": {"DatabaseName": DATABASE, "Name": "people", "ColumnNames": ["email"]}}, "SELECT"
    )
    account.grant(
        "arn:aws:iam::111122223333:role/owner", {"Table": {"DatabaseName": DATABASE, "Name": "people"}}, "ALTER"
    )

    found = review(lake.project)

    assert found == (
        Reader(ANALYSTS, "gold.people", ("id", "spent", "_batch_id"), (), ("email", "price", "drifted"), "tags"),
        Reader(
            DOCTORS, "gold.people", ("email",), ("email",), ("id", "spent", "price", "drifted", "_batch_id"), "name"
        ),
    ), "who may change an entry reads nothing by that"


def test_a_table_of_which_lake_formation_does_not_decide_is_told(lake: ReaderLake, account: Account) -> None:
    register(lake.open())
    account.grant(EVERYBODY, {"Table": {"DatabaseName": DATABASE, "TableWildcard": {}}}, "ALL")

    (found,) = review(lake.project)

    assert found.is_open
    assert found.personal == ("email", "price", "drifted")
    told = CliRunner().invoke(app, ["access", "review", "--config", str(lake.root / "config"), "--env", "test"])
    assert told.exit_code == 0, told.output
    assert "Lake Formation does not decide" in " ".join(told.output.split())


def test_the_command_registers_and_says_what_it_did(lake: ReaderLake, account: Account) -> None:
    place = ["--config", str(lake.root / "config"), "--env", "test", "--json"]
    told = CliRunner().invoke(app, ["access", "sync", *place])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout) == [
        {"table": "gold.people", "entry": f"{DATABASE}.people", "outcome": "created", "why": ""}
    ]
    account.grant(
        DOCTORS, {"TableWithColumns": {"DatabaseName": DATABASE, "Name": "people", "ColumnWildcard": {}}}, "SELECT"
    )
    told = CliRunner().invoke(app, ["access", "review", "--personal", "--principal", "doctors", *place])
    assert [(each["principal"], each["personal"]) for each in json.loads(told.stdout)] == [
        (DOCTORS, ["email", "price", "drifted"])
    ]


def test_a_run_that_released_registers_and_one_whose_glue_does_not_answer_is_warned(
    lake: ReaderLake, account: Account
) -> None:
    project, state = lake.project, open_state(lake.project.environment)

    def ended(*, released: bool) -> list[str]:
        run = Run.start(None)
        collector = Collector(RunSummary(run.run_id, "daily", "test", run.date, run.started_at), LoggingWatcher())
        collector.release("r1", released)
        register_released(project, state, collector)
        return [warned.message for warned in collector.summary("done").warnings]

    assert ended(released=False) == []
    assert account.glue.get_tables(DatabaseName=DATABASE)["TableList"] == []
    assert ended(released=True) == []
    assert account.columns("people")
    account.glue.delete_database(Name=DATABASE)
    (told,) = ended(released=True)
    assert "not registered in Glue" in told
    assert DATABASE in told


def test_without_glue_there_is_nothing_to_review(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no Glue databases"):
        review(ReaderLake(tmp_path).project)
