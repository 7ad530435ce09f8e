"""An erasure as it is typed: from bronze to gold, killed on the way, and taken to its end by the same command."""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
import pytest
import yaml
from prefect.client.orchestration import get_client

from flows.daily import daily
from flows.erase import erase
from flows.restore import restore
from flows.snapshot import snapshot
from tests.flows.conftest import ENV, SECONDS, Pipeline, begun, ended
from tests.flows.test_crashes import killed
from tidemark.aws import secrets
from tidemark.config.environment import load_environment
from tidemark.control import erasures
from tidemark.control.state import open_state
from tidemark.errors import TidemarkError

DAY: dict[str, Any] = {"date": date(2025, 3, 30)}
SUBJECT = ("--subject", "gold.customers.customer=customer-0001")
HERS = "customer-0001"


@pytest.fixture
def people(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Orders name their customers, and go with them; one of ann's is rejected."""
    monkeypatch.setenv("TIDEMARK_SECRET_MASKING", json.dumps({"k1": "0123456789abcdef" * 4}))
    secrets.forget()
    files = pipeline.lake.root / "config"
    environment = yaml.safe_load((files / f"env/{ENV}.yaml").read_text("utf-8"))
    pipeline.lake.write(f"env/{ENV}.yaml", environment | {"masking": {"secret": "masking", "key": "k1"}})
    contract = yaml.safe_load((files / "bronze/orders.contract.yaml").read_text("utf-8"))
    customer = contract["schema"][0]["properties"][1]
    customer["customProperties"] = [{"property": "erasure", "value": "delete"}]
    pipeline.lake.write("bronze/orders.contract.yaml", contract)
    pipeline.land("orders/1.csv", "id,customer,qty", f"1,{HERS},2", "2,customer-0002,3", f"3,{HERS},4", f"4,{HERS},0")
    return pipeline


def holding(root: Path) -> list[str]:
    """The files below a folder that hold her id."""
    found = []
    for file in (each for each in root.rglob("*") if each.is_file()):
        text = str(pq.read_table(file).to_pylist()) if file.suffix == ".parquet" else file.read_text("utf-8", "replace")
        if HERS in text:
            found.append(str(file.relative_to(root)))
    return sorted(found)


@pytest.mark.parametrize(
    "point",
    [
        "bronze.orders: taken out, not in the index",
        "commit: all tables, no release",
        "gold.customers: sealed, not in the index",
        "silver.orders: vacuumed, its log not purged",
    ],
)
def test_an_erasure_that_is_killed_is_taken_to_its_end_by_the_same_command(
    people: Pipeline, prefect_server: str, point: str
) -> None:
    daily(**people.where, **DAY)
    assert holding(people.home)
    told = json.loads(ended(begun(people, prefect_server, "erase", *SUBJECT, "--json"))[1])
    assert told["rows"] == {"bronze.orders": 2, "gold.customers": 1, "silver.orders": 2}
    assert (told["treated"], told["rejected"]) == ({"bronze.orders": "deleted"}, 1)
    assert people.lake.read("gold.customers", "customer", "qty")[0] == (HERS, 6), "without --yes it only looks"

    killed(people, prefect_server, point, "erase", *SUBJECT, "--yes")
    code, _, error = ended(begun(people, prefect_server, "erase", *SUBJECT, "--yes"))
    assert code == 0, error

    assert holding(people.home) == []
    assert people.lake.read("gold.customers", "customer", "qty") == [("customer-0002", 3)]
    (receipt,) = json.loads(ended(begun(people, prefect_server, "subject", "receipts", "--json"))[1])
    assert (receipt["status"], receipt["rows"]["bronze.orders"]) == ("done", 2)
    with pytest.raises(TidemarkError, match="r1 is of before the erasure of a person"):
        restore(**people.where, **DAY, run="r1")

    daily(**people.where, **DAY, full_refresh=True)  # the files that landed still have her
    assert people.lake.read("gold.customers", "customer", "qty") == [("customer-0002", 3)]
    (warned,) = [each for each in people.summaries()[-1]["warnings"] if "who were erased" in each["message"]]
    assert warned["table"] == "bronze.orders"


def test_snapshots_of_before_go_with_the_person_and_are_not_restored_if_they_come_back(
    people: Pipeline, prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    daily(**people.where, **DAY)
    snapshot(**people.where)
    assert holding(people.home / "snapshots")
    copy = shutil.copytree(people.home / "snapshots", tmp_path_factory.mktemp("copy") / "snapshots")

    killed(people, prefect_server, "erase: the snapshots know of it, and are there", "erase", *SUBJECT, "--yes")
    code, _, error = ended(begun(people, prefect_server, "erase", *SUBJECT, "--yes"))
    assert code == 0, error

    assert holding(people.home) == []
    assert json.loads(ended(begun(people, prefect_server, "snapshot", "list", "--json"))[1]) == []
    shutil.copytree(copy, people.home / "snapshots", dirs_exist_ok=True)
    code, _, error = ended(begun(people, prefect_server, "snapshot", "restore", "r1", "--yes"))
    assert (code, "is of before the erasure of a person" in error) == (1, True)


def test_an_erasure_waits_for_a_second_person(people: Pipeline, prefect_server: str) -> None:
    daily(**people.where, **DAY)
    name = ended(begun(people, prefect_server, "erase", *SUBJECT, "--request"))[1].strip()
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(copy_context().run, lambda: erase(erasure=name, **people.where, approval=True))
        paused = waiting(f"erase {name} {ENV}")
        assert people.lake.read("gold.customers", "customer", "qty")[0] == (HERS, 6), "nothing is done before"
        with get_client(sync_client=True) as client:
            client.resume_flow_run(paused, run_input={"approved_by": "dpo"})
        run.result(SECONDS)
    (receipt,) = erasures.every(open_state(load_environment(people.lake.root / "config", ENV)))
    assert (receipt.status, receipt.approved_by) == ("done", "dpo")
    assert receipt.by != "dpo"


def waiting(name: str) -> UUID:
    """The flow run of this name, once it is paused."""
    for _ in range(SECONDS):
        with get_client(sync_client=True) as client:
            for run in client.read_flow_runs():
                if run.name == name and run.state is not None and run.state.is_paused():
                    return run.id
        time.sleep(1)
    raise AssertionError(f"{name} did not wait")
