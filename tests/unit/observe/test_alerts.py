"""Alert events reach their channels, are kept beside the run, and never fail it."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tidemark.aws import secrets
from tidemark.aws.folder import open_folder
from tidemark.config.environment import Environment
from tidemark.observe.alerts import Alerts
from tidemark.redaction import MARK, protect

REGION = "eu-central-1"


def environment(home: Path, *channels: dict[str, object], **more: object) -> Environment:
    document = {"name": "test", "home": str(home), "exchange": str(home), "alerts": list(channels), "secrets": "env"}
    return Environment.model_validate(document | more)


def alerts(where: Environment) -> Alerts:
    return Alerts(where, "run-1", open_folder(where.roots.runs))


def kept(where: Environment) -> list[dict[str, object]]:
    lines = Path(where.roots.runs, "run-1.alerts.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


class _Webhook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, json.loads(body)))
        self.send_response(500 if self.path == "/broken" else 200)
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The test's output stays clean."""


@pytest.fixture
def webhook() -> Iterator[ThreadingHTTPServer]:
    """A server that takes what is posted to a Slack webhook."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Webhook)
    server.received = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def address(server: ThreadingHTTPServer, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}{path}"


def test_every_event_is_kept_beside_the_run(tmp_path: Path) -> None:
    where = environment(tmp_path)
    told = alerts(where)
    told.raise_event("warning", "freshness 27 h > 26 h", table="silver.fx_rates", next_step="tidemark check")
    told.raise_event("error", "no connection", table="bronze.orders", step="extract")
    first, second = kept(where)
    assert (first["severity"], first["table"]) == ("warning", "silver.fx_rates")
    assert first["next_step"] == "tidemark --env test check"
    assert (second["severity"], second["step"], second["run_id"]) == ("error", "extract", "run-1")


def test_slack_gets_the_severities_it_listens_to(tmp_path: Path, webhook: ThreadingHTTPServer) -> None:
    where = environment(tmp_path, {"channel": "slack", "target": address(webhook, "/hook"), "on": ["error"]})
    told = alerts(where)
    told.raise_event("warning", "a little late")
    told.raise_event("error", "no connection", table="bronze.orders", next_step="look at it")
    ((path, body),) = webhook.received
    assert path == "/hook"
    assert body["text"].splitlines() == [
        "tidemark test error: bronze.orders no connection",
        "run run-1",
        "next: look at it",
    ]


def test_a_slack_target_may_name_a_secret(
    tmp_path: Path, webhook: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEMARK_SECRET_SLACK", json.dumps({"url": address(webhook, "/from-secret")}))
    secrets.forget()
    alerts(environment(tmp_path, {"channel": "slack", "target": "slack"})).raise_event("error", "no connection")
    assert [path for path, _ in webhook.received] == ["/from-secret"]


def test_the_log_channel_logs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    alerts(environment(tmp_path, {"channel": "log"})).raise_event("warning", "late", table="silver.fx_rates")
    (record,) = caplog.records
    assert (record.levelno, record.getMessage().splitlines()[0]) == (
        logging.WARNING,
        "tidemark test warning: silver.fx_rates late",
    )


@pytest.mark.parametrize("target", ["/broken", "no-such-secret", "http://127.0.0.1:1/down"])
def test_a_channel_that_fails_is_logged_and_nothing_else(
    tmp_path: Path, webhook: ThreadingHTTPServer, caplog: pytest.LogCaptureFixture, target: str
) -> None:
    target = address(webhook, target) if target.startswith("/") else target
    where = environment(tmp_path, {"channel": "slack", "target": target}, {"channel": "log"})
    alerts(where).raise_event("error", "no connection")
    messages = [record.getMessage() for record in caplog.records]
    assert "the alert could not be sent to slack: no connection" in messages
    assert any("tidemark test error" in message for message in messages)
    assert len(kept(where)) == 1


def test_a_place_that_cannot_be_written_does_not_stop_the_alert(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    where = environment(tmp_path, {"channel": "log"})
    Path(where.roots.runs).write_text("a file where the folder should be")
    alerts(where).raise_event("error", "no connection")
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0] == "the alert event could not be kept: no connection"
    assert len(messages) == 2


def test_an_event_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidemark.redaction._known", set())
    protect({"password": "c4nary-Password"})
    event = alerts(environment(tmp_path)).raise_event("error", "login with c4nary-Password refused")
    assert event.message == f"login with {MARK} refused"


def test_sns_gets_the_event_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    server = ThreadedMotoServer(port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        queues = boto3.client("sqs", region_name=REGION, endpoint_url=endpoint)
        topics = boto3.client("sns", region_name=REGION, endpoint_url=endpoint)
        queue = queues.create_queue(QueueName="inbox")["QueueUrl"]
        arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = topics.create_topic(Name="tidemark-alerts")["TopicArn"]
        topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

        where = environment(
            tmp_path, {"channel": "sns", "target": topic}, aws={"region": REGION, "endpoint_url": endpoint}
        )
        alerts(where).raise_event("warning", "late", table="silver.fx_rates")
        (message,) = queues.receive_message(QueueUrl=queue)["Messages"]
    finally:
        server.stop()
    notification = json.loads(message["Body"])
    assert notification["Subject"] == "tidemark test warning: silver.fx_rates"
    assert json.loads(notification["Message"])["message"] == "late"
