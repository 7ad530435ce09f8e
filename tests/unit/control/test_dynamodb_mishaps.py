"""DynamoDB on a bad day: throttled, or done and answered with an error, by boto3's own client and its own retries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from moto import mock_aws

from tidemark.control import leases as module
from tidemark.control.leases import KIND, Lease, LeaseError, Leases
from tidemark.control.state import ABSENT, ConflictError, DynamoState
from tidemark.errors import StateError

TABLE = "gold.sales"
THROTTLED, BROKEN = "ProvisionedThroughputExceededException", "InternalServerError"


class Mishaps:
    """What happens to the writes to come, first things first; reads are left alone.

    `lost`: done, and the client tries it again. `broken`: done, and answered with an error, as is each further attempt
    in a row of these. `throttled`: not done, and given up by the client.
    """

    def __init__(self, client: Any) -> None:
        self.to_come: list[str] = []
        self.writes = 0
        client.meta.events.register("before-call.dynamodb.PutItem", self._throttle)
        client.meta.events.register("before-send.dynamodb.PutItem", self._break)  # moto writes all the same
        client.meta.events.register("needs-retry.dynamodb.PutItem", self._lose)

    def _next_is(self, mishap: str) -> bool:
        if self.to_come[:1] != [mishap]:
            return False
        self.to_come.pop(0)
        return True

    def _throttle(self, **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        if not self._next_is("throttled"):
            return None
        return _Answer(400, THROTTLED), {"Error": {"Code": THROTTLED, "Message": "slower"}, "ResponseMetadata": {}}

    def _break(self, **_: Any) -> AWSResponse | None:
        self.writes += 1
        return _Answer(500, BROKEN) if self._next_is("broken") else None

    def _lose(self, **_: Any) -> float | None:
        return 0.0 if self._next_is("lost") else None


class _Answer(AWSResponse):
    """An error as DynamoDB words it."""

    def __init__(self, status: int, code: str) -> None:
        body = f'{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"no"}}'.encode()
        super().__init__("https://dynamodb", status, {"x-amzn-RequestId": "1"}, None)
        self._content = body


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with mock_aws():
        settings = Config(retries={"total_max_attempts": 3, "mode": "standard"})
        resource: Any = boto3.resource
        yield resource("dynamodb", region_name="eu-central-1", config=settings).create_table(
            TableName="tidemark-state",
            KeySchema=[{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "key", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "kind", "AttributeType": "S"},
                {"AttributeName": "key", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )


@pytest.fixture
def mishaps(table: Any) -> Mishaps:
    return Mishaps(table.meta.client)


def leases(table: Any, run: str, lives: bool | None = True) -> Leases:
    span = timedelta(seconds=60)
    return Leases(DynamoState(table), run, f"{run}:1", lasts=span, wait=timedelta(0), lives=lambda _: lives)


def test_a_write_whose_answer_was_lost_is_no_conflict(table: Any, mishaps: Mishaps) -> None:
    state = DynamoState(table)
    for revision in range(3):
        mishaps.to_come, before = ["lost"], mishaps.writes
        assert state.put("release", "latest", {"number": revision}, expected=revision) == revision + 1
        assert (mishaps.to_come, mishaps.writes - before) == ([], 2)
    with pytest.raises(ConflictError):
        state.put("release", "latest", {"number": 2}, expected=2)


def test_of_two_that_write_the_same_one_is_told_that_it_lost(table: Any, mishaps: Mishaps) -> None:
    DynamoState(table).put("release", "latest", {"number": 1}, expected=ABSENT)
    mishaps.to_come = ["lost"]
    with pytest.raises(ConflictError):
        DynamoState(table).put("release", "latest", {"number": 1}, expected=ABSENT)


def test_a_lease_survives_every_answer_that_is_lost(table: Any, mishaps: Mishaps) -> None:
    mine = leases(table, "mine")
    mishaps.to_come = ["lost"]
    assert mine.acquire(TABLE).token == 1
    mishaps.to_come = ["lost"]
    mine.confirm(TABLE)
    mishaps.to_come = ["lost"]
    mine.release(TABLE)
    assert not mishaps.to_come
    assert leases(table, "next").acquire(TABLE).token == 2


@pytest.mark.parametrize("then", ["confirmed", "given back", "its token raised"])
def test_a_renewal_that_was_done_and_then_given_up_is_known_again(table: Any, mishaps: Mishaps, then: str) -> None:
    mine = leases(table, "mine")
    mine.acquire(TABLE)
    mishaps.to_come = ["broken"] * 3
    with pytest.raises(StateError, match=BROKEN):
        mine.confirm(TABLE)
    if then == "confirmed":
        assert mine.confirm(TABLE).token == 1
    elif then == "its token raised":
        assert mine.confirm(TABLE, above=4).token == 5
    mine.release(TABLE)
    assert leases(table, "next").acquire(TABLE).token == {"its token raised": 6}.get(then, 2)


def test_who_was_throttled_has_no_lease_and_takes_none_from_another(table: Any, mishaps: Mishaps) -> None:
    mine, other = leases(table, "mine"), leases(table, "other")
    mishaps.to_come = ["throttled"]
    with pytest.raises(StateError, match=THROTTLED):
        mine.acquire(TABLE)
    assert mine.held() == frozenset()
    assert other.acquire(TABLE).token == 1

    mishaps.to_come = ["lost"]
    with pytest.raises(LeaseError, match="held by run other"):
        mine.acquire(TABLE)
    record = DynamoState(table).get(KIND, TABLE)
    assert record is not None
    assert Lease.read(record).run_id == "other"


def test_a_paused_holder_whose_renewal_is_retried_late_is_refused(table: Any, mishaps: Mishaps) -> None:
    sleeper, other = leases(table, "sleeper"), leases(table, "other", lives=False)
    sleeper.acquire(TABLE)
    assert other.acquire(TABLE).token == 2
    mishaps.to_come = ["lost"]
    with pytest.raises(LeaseError, match="held by run other"):
        sleeper.confirm(TABLE)
    assert other.confirm(TABLE).token == 2
    assert module.holder(DynamoState(table), TABLE, lambda _: False) is not None
