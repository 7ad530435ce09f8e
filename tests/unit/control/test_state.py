"""One behaviour, asked of every store."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from tidemark.control.state import ABSENT, MOST_BYTES, ConflictError, DynamoState, SqliteState, StateStore
from tidemark.errors import StateError


@pytest.fixture(params=["sqlite", "dynamodb"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StateStore]:
    if request.param == "sqlite":
        yield SqliteState(tmp_path / "deep" / "state.db")
        return
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        dynamodb = boto3.resource("dynamodb", region_name="eu-central-1")
        table = dynamodb.create_table(
            TableName="tidemark-state",
            KeySchema=[{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "key", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "kind", "AttributeType": "S"},
                {"AttributeName": "key", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        yield DynamoState(table)


def test_what_was_put_is_got_with_its_revision(store: StateStore) -> None:
    assert store.get("table", "silver.orders") is None

    first = store.put("table", "silver.orders", {"version": 3})
    second = store.put("table", "silver.orders", {"version": 4, "nested": {"a": [1, None, "ü"]}})

    record = store.get("table", "silver.orders")
    assert record is not None
    assert (first, second, record.revision) == (1, 2, 2)
    assert record.value == {"version": 4, "nested": {"a": [1, None, "ü"]}}


def test_what_was_deleted_is_gone_and_begins_anew(store: StateStore) -> None:
    store.put("committing", "run-1", {"batches": {}})
    store.put("committing", "run-2", {"batches": {}})

    store.delete("committing", "run-1")
    store.delete("committing", "never was")

    assert store.get("committing", "run-1") is None
    assert [record.key for record in store.list("committing")] == ["run-2"]
    assert store.put("committing", "run-1", {}, expected=ABSENT) == 1


def test_a_write_at_a_stale_revision_is_refused_and_changes_nothing(store: StateStore) -> None:
    store.put("lease", "gold.a", {"holder": "first"}, expected=ABSENT)

    for stale in (ABSENT, 7):
        with pytest.raises(ConflictError, match=r"lease gold\.a was not at revision"):
            store.put("lease", "gold.a", {"holder": "second"}, expected=stale)

    record = store.get("lease", "gold.a")
    assert record is not None
    assert record.value == {"holder": "first"}
    assert store.put("lease", "gold.a", {"holder": "second"}, expected=record.revision) == 2


def test_a_kind_lists_its_own_records_by_key(store: StateStore) -> None:
    for key in ("b", "a", "c"):
        store.put("run", key, {"name": key})
    store.put("release", "z", {})

    assert [(record.key, record.value) for record in store.list("run")] == [(k, {"name": k}) for k in ("a", "b", "c")]


def test_of_many_who_claim_at_once_one_wins(tmp_path: Path) -> None:
    store = SqliteState(tmp_path / "state.db")

    def claim(number: int) -> bool:
        try:
            store.put("lease", "t", {"holder": number}, expected=ABSENT)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(claim, range(24)))

    assert sum(won) == 1


def test_what_is_large_is_packed_and_comes_back_the_same(store: StateStore) -> None:
    versions = {f"silver.a_table_with_a_name_{number}": {"id": f"{number:036}", "v": number} for number in range(4000)}
    store.put("release", "r1", {"tables": versions})
    store.put("release", "r1", {"tables": versions, "word": "ü"}, expected=1)
    record = store.get("release", "r1")
    assert record is not None
    assert record.value == {"tables": versions, "word": "ü"}
    assert [each.value for each in store.list("release")] == [record.value]


def test_what_does_not_fit_is_refused_alike_and_before_anything_is_written(store: StateStore) -> None:
    """400 KB is what DynamoDB takes: the store's own limit lies below it."""
    noise = base64.b64encode(random.Random(1).randbytes(400_000)).decode()
    store.put("table", "silver.orders", {"version": 3})
    with pytest.raises(StateError, match=r"table silver\.orders does not fit into the control store"):
        store.put("table", "silver.orders", {"version": 4, "noise": noise})
    largest = {"noise": noise[: MOST_BYTES - 10_000]}
    store.put("table", "k" * 100, largest)
    record = store.get("table", "silver.orders")
    assert record is not None
    assert record.value == {"version": 3}


def test_a_list_goes_over_the_pages_that_dynamodb_gives(store: StateStore) -> None:
    noise = base64.b64encode(random.Random(2).randbytes(180_000)).decode()
    for number in range(8):
        store.put("plan", f"p{number}", {"noise": noise})
    assert [record.key for record in store.list("plan")] == [f"p{number}" for number in range(8)]
