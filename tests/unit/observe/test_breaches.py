"""A broken promise is told once on every channel, and once when it is kept again: by mail, to Slack, to SNS."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_string
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tidemark.aws import secrets
from tidemark.config.environment import Environment
from tidemark.control.state import SqliteState, StateStore
from tidemark.errors import StateError
from tidemark.observe import breaches
from tidemark.observe.sla import Judged, Promise

NOW = datetime(2025, 3, 2, 12)
LATE = Promise("gold.sales", "freshness", 26 * 3600, "error", "updated_at")
SLOW = Promise("job daily", "runtime", 3600, "error")
EMPTY = Promise("bronze.orders", "records", 1, "warning")
HOUR = timedelta(hours=1)


class _Mails(socketserver.StreamRequestHandler):
    """As much of SMTP as a client without a login needs."""

    def handle(self) -> None:
        self.wfile.write(b"220 mail\r\n")
        recipients: list[str] = []
        while line := self.rfile.readline().decode().strip():
            verb = line.split(" ")[0].split(":")[0].upper()
            if verb == "RCPT":
                recipients.append(line.partition("<")[2].partition(">")[0])
            if verb == "DATA":
                self.wfile.write(b"354 go on\r\n")
                text = "".join(iter(lambda: self.rfile.readline().decode(), ".\r\n"))
                self.server.received.append((recipients, message_from_string(text)))
            self.wfile.write(b"221 bye\r\n" if verb == "QUIT" else b"250 ok\r\n")
            if verb == "QUIT":
                return


class _Webhook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"]
        if not self.server.down:
            self.server.received.append(text)
        self.send_response(503 if self.server.down else 200)
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The test's output stays clean."""


def _serving(server: Any) -> Iterator[Any]:
    server.received, server.down = [], False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def mails() -> Iterator[Any]:
    yield from _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mails))


@pytest.fixture
def slack() -> Iterator[Any]:
    yield from _serving(ThreadingHTTPServer(("127.0.0.1", 0), _Webhook))


@pytest.fixture
def state(tmp_path: Path) -> SqliteState:
    return SqliteState(tmp_path / "state.db")


def environment(home: Path, *alerts: dict[str, Any], **more: Any) -> Environment:
    document = {"name": "test", "home": str(home), "exchange": str(home), "alerts": list(alerts), "secrets": "env"}
    return Environment.model_validate(document | more)


def to_slack(server: Any, **more: Any) -> dict[str, Any]:
    return {"channel": "slack", "target": f"http://127.0.0.1:{server.server_address[1]}/", **more}


def smtp(server: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": server.server_address[1], "sender": "tm@acme.example", "security": "none"}


def check(where: Environment, state: StateStore, *judged: Judged, hours: float = 0) -> list[str]:
    broken = breaches.follow(where, state, judged, "r", NOW + timedelta(hours=hours))
    return [each.promise.key for each in broken]


def test_each_breach_and_each_recovery_is_told_once_on_each_channel(
    tmp_path: Path, state: SqliteState, mails: Any, slack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    cloud = ThreadedMotoServer(port=0)
    cloud.start()
    try:
        endpoint = "http://{}:{}".format(*cloud.get_host_and_port())
        at = {"region_name": "eu-central-1", "endpoint_url": endpoint}
        queues, topics = boto3.client("sqs", **at), boto3.client("sns", **at)
        queue, topic = queues.create_queue(QueueName="q")["QueueUrl"], topics.create_topic(Name="t")["TopicArn"]
        arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        where = environment(
            tmp_path,
            to_slack(slack),
            {"channel": "email", "target": "ann@acme.example, bob@acme.example"},
            {"channel": "sns", "target": topic},
            smtp=smtp(mails),
            aws={"region": "eu-central-1", "endpoint_url": endpoint},
        )
        broken = [Judged(LATE, 30 * 3600), Judged(SLOW, 7200, "r2"), Judged(EMPTY, 0, "r2", "2025-03-02")]
        for hours in range(3):
            assert len(check(where, state, *broken, hours=hours)) == 3
        kept = [Judged(LATE, 3600), Judged(SLOW, 60, "r3"), Judged(EMPTY, 9, "r3", "2025-03-03")]
        for hours in range(3, 6):
            assert check(where, state, *kept, hours=hours) == []
        told = [json.loads(json.loads(each["Body"])["Message"]) for each in _taken(queues, queue)]
    finally:
        cloud.stop()

    expected = {
        ("gold.sales", False, "newest updated_at 30 h 00 m ago, promised 26 h 00 m at most"),
        ("gold.sales", True, "newest updated_at 1 h 00 m ago, promised 26 h 00 m at most"),
        (None, False, "job daily: took 2 h 00 m, promised 1 h 00 m at most"),
        (None, True, "job daily: took 1 m 00 s, promised 1 h 00 m at most"),
        ("bronze.orders", False, "0 rows were received on 2025-03-02, promised 1 at least"),
        ("bronze.orders", True, "9 rows were received on 2025-03-03, promised 1 at least"),
    }
    assert len(told) == 6
    assert {(each["table"], each["recovered"], each["message"]) for each in told} == expected
    assert len(slack.received) == len(mails.received) == 6
    first = "tidemark test error: gold.sales newest updated_at 30 h 00 m ago, promised 26 h 00 m at most"
    assert [text.splitlines()[0] for text in slack.received].count(first) == 1
    recipients, mail = mails.received[0]
    assert recipients == ["ann@acme.example", "bob@acme.example"]
    assert (mail["Subject"].replace("\r\n", ""), mail["From"]) == (first, "tm@acme.example")
    assert "tidemark --env test check --select gold.sales" in mail.get_payload()
    subjects = [mail["Subject"] for _, mail in mails.received]
    assert sum("recovered" in subject for subject in subjects) == 3


def _taken(queues: Any, queue: str) -> list[dict[str, Any]]:
    taken: list[dict[str, Any]] = []
    while got := queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
        taken += got
        for each in got:
            queues.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
    return taken


def test_a_channel_that_was_down_is_told_later_and_the_others_not_again(
    tmp_path: Path, state: SqliteState, mails: Any, slack: Any
) -> None:
    mail = {"channel": "email", "target": "ann@acme.example"}
    where = environment(tmp_path, to_slack(slack), mail, smtp=smtp(mails))
    slack.down = True
    check(where, state, Judged(LATE, 30 * 3600))
    check(where, state, Judged(LATE, 31 * 3600), hours=1)
    assert (len(slack.received), len(mails.received)) == (0, 1)
    slack.down = False
    check(where, state, Judged(LATE, 32 * 3600), hours=2)
    check(where, state, Judged(LATE, 33 * 3600), hours=3)
    assert (len(slack.received), len(mails.received)) == (1, 1)


def test_a_promise_that_breaks_again_is_told_again(tmp_path: Path, state: SqliteState, slack: Any) -> None:
    where = environment(tmp_path, to_slack(slack))
    for hours, seen in enumerate((30, 1, 30, 1)):
        check(where, state, Judged(LATE, seen * 3600), hours=hours)
    assert ["recovered" in text for text in slack.received] == [False, True, False, True]


def test_nothing_is_told_of_what_was_always_kept_or_is_not_known(
    tmp_path: Path, state: SqliteState, slack: Any
) -> None:
    where = environment(tmp_path, to_slack(slack))
    check(where, state, Judged(LATE, 3600), Judged(SLOW))
    check(where, state, Judged(LATE, 30 * 3600), hours=1)
    check(where, state, Judged(LATE), hours=2)
    assert len(slack.received) == 1, "what becomes unknown has not recovered"


def test_who_listens_to_errors_hears_of_no_warning(tmp_path: Path, state: SqliteState, slack: Any) -> None:
    check(environment(tmp_path, to_slack(slack, on=["error"])), state, Judged(EMPTY, 0))
    assert slack.received == []


def test_of_two_checks_at_the_same_time_one_tells(tmp_path: Path, state: SqliteState, slack: Any) -> None:
    """The other one has read the records before the first wrote."""
    where = environment(tmp_path, to_slack(slack))
    barrier = threading.Barrier(2)

    class Together:
        """The store, whose listings are given to both at the same time."""

        def __getattr__(self, name: str) -> Any:
            return getattr(state, name)

        def list(self, kind: str) -> Any:
            records = state.list(kind)
            barrier.wait(timeout=10)
            return records

    threads = [threading.Thread(target=check, args=(where, Together(), Judged(LATE, 30 * 3600))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(slack.received) == 1


def test_who_died_while_it_told_is_followed_by_another(tmp_path: Path, state: SqliteState, slack: Any) -> None:
    where = environment(tmp_path, to_slack(slack))

    class Dies:
        """A store that is gone once the breach has been taken."""

        puts = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(state, name)

        def put(self, *arguments: Any) -> int:
            self.puts += 1
            if self.puts == 2:
                raise StateError("gone")
            return state.put(*arguments)

    with pytest.raises(StateError):
        check(where, Dies(), Judged(LATE, 30 * 3600))
    assert check(where, state, Judged(LATE, 30 * 3600), hours=0.1) == [LATE.key]
    assert len(slack.received) == 1, "who has taken it may still be at it"
    check(where, state, Judged(LATE, 30 * 3600), hours=1)
    assert len(slack.received) == 2, "rather twice than never"
    check(where, state, Judged(LATE, 30 * 3600), hours=2)
    assert len(slack.received) == 2


def test_what_is_not_promised_any_more_is_forgotten(tmp_path: Path, state: SqliteState, slack: Any) -> None:
    where = environment(tmp_path, to_slack(slack))
    check(where, state, Judged(LATE, 30 * 3600), Judged(SLOW, 7200))
    breaches.forget(state, [SLOW])
    assert [record.key for record in state.list(breaches.BREACH)] == [SLOW.key]


def test_a_login_goes_over_an_encrypted_line_alone(
    tmp_path: Path, state: SqliteState, mails: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server here has no encryption: nothing is said to it, the password least of all."""
    monkeypatch.setenv("TIDEMARK_SECRET_SMTP", json.dumps({"username": "u", "password": "c4nary"}))
    secrets.forget()
    settings = smtp(mails) | {"secret": "smtp"}
    with pytest.raises(ValueError, match="open line"):
        environment(tmp_path, smtp=settings)
    mail = {"channel": "email", "target": "ann@acme.example"}
    where = environment(tmp_path, mail, smtp=settings | {"security": "starttls"})
    check(where, state, Judged(LATE, 30 * 3600))
    assert mails.received == []
    assert "could not be sent to email" in caplog.text
    assert "c4nary" not in caplog.text


@pytest.mark.parametrize(
    ("alert", "message"),
    [
        ({"channel": "email", "target": "ann@acme.example"}, "no mail server is named"),
        ({"channel": "email"}, "needs a target"),
        ({"channel": "slack", "target": " , "}, "needs a target"),
    ],
)
def test_a_channel_that_leads_nowhere_is_refused(tmp_path: Path, alert: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        environment(tmp_path, alert)
