"""What is told to other systems holds hostile texts as text: alerts, lineage events, comments, drafts of files."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import sqlglot
import yaml

from tests.support.hostile import HOSTILE, unseen
from tests.support.lakes.hostile import HostileLake
from tests.support.openlineage import problems
from tidemark import shown
from tidemark.aws.folder import open_folder
from tidemark.compile.ddl import DIALECTS, create_table
from tidemark.config.environment import Environment
from tidemark.config.project import Project
from tidemark.control.runs import Run
from tidemark.governance.entries import entry
from tidemark.observe.alerts import Alerts
from tidemark.observe.lineage.events import Events
from tidemark.observe.lineage.jobs import Begun, Checked, Ended, Job, Parents
from tidemark.observe.lineage.transports import FileTransport
from tidemark.serving.lake import Layout
from tidemark.sketch.drafts import Column, Draft, contract_text, load_text

AT = datetime(2026, 1, 31, 6)
RUN_ID = "0198f3c2-0000-4000-8000-000000000001"
TEXTS = tuple(text for text in HOSTILE if text.strip())
"""What there is to be seen."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> HostileLake:
    lake = HostileLake(tmp_path_factory.mktemp("lake"))
    lake.fill(TEXTS)
    return lake


@pytest.fixture(scope="module")
def project(lake: HostileLake) -> Project:
    return lake.project


class _Webhook(BaseHTTPRequestHandler):
    received: list[dict[str, object]]

    def do_POST(self) -> None:
        self.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The test's output stays clean."""


@pytest.fixture
def webhook() -> Iterator[str]:
    """The address of what takes messages for Slack."""
    _Webhook.received = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Webhook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    thread.join()
    server.server_close()


def test_alerts_call_nobody_and_have_the_lines_that_they_say(tmp_path: Path, webhook: str) -> None:
    channels = [{"channel": "slack", "target": webhook, "on": ["error"]}, {"channel": "log"}]
    where = Environment.model_validate(
        {"name": "test", "home": str(tmp_path), "exchange": str(tmp_path), "alerts": channels, "secrets": "env"}
    )
    alerts = Alerts(where, "run-1", open_folder(where.roots.runs))
    for text in TEXTS:
        alerts.raise_event("error", text, table=f"bronze.{text}", step=text, next_step=text)
    assert len(_Webhook.received) == len(TEXTS)
    for text, message in zip(TEXTS, _Webhook.received, strict=True):
        told = str(message["text"])
        assert not {"<", ">"} & set(told)
        assert not unseen(told, "\n")
        assert [line.partition(" ")[0] for line in told.split("\n")] == ["tidemark", "run", "next:"]
        assert shown.slack(shown.line(text)).strip() in told
        assert (message["mrkdwn"], message["parse"], message["link_names"]) == (False, "none", False)
    kept = Path(where.roots.runs, "run-1.alerts.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["step"] for line in kept] == list(TEXTS)


def test_lineage_events_are_one_line_of_json_each(lake: HostileLake, project: Project, tmp_path: Path) -> None:
    parents = Parents("tidemark-test", "daily", RUN_ID, "prefect.daily", RUN_ID)
    events = Events(project, Run(RUN_ID, date(2026, 1, 31), AT, AT), parents)
    found = []
    for number, text in enumerate(TEXTS):
        load, gate = Job.load(lake.name(number)), Job.gate(lake.name(number))
        checks = [Checked(text, "fail", text, bypass=text)]
        failed = Ended("FAIL", AT, text, version=1, columns={text: "string"}, tags={text: text})
        found += [events.ended(Begun(load, load.run_id(RUN_ID), AT), failed)]
        found += [events.ended(Begun(gate, gate.run_id(RUN_ID), AT), Ended("FAIL", AT, text, checks=checks))]
    transport = FileTransport(open_folder(str(tmp_path)), "2026-01-31", RUN_ID)
    transport.send(found)
    lines = Path(transport.where).read_text("utf-8").splitlines()
    assert len(lines) == len(found)
    for text, line in zip((each for each in TEXTS for _ in range(2)), lines, strict=True):
        assert not unseen(line)
        event = json.loads(line)
        assert problems(event) == []
        assert event["run"]["facets"]["errorMessage"]["message"] == text


def test_comments_of_tables_and_columns_are_one_line(lake: HostileLake, project: Project) -> None:
    for number, text in enumerate(TEXTS):
        table = project.table(lake.name(number))
        layout = Layout(({"name": "id", "type": "string"},), ())
        of_glue = entry(table.name, "d", "s3://lake/t", layout, table.contract).to_input()
        column = of_glue["StorageDescriptor"]["Columns"][0]
        for told, longest in ((of_glue["Description"], 2048), (column["Comment"], 255)):
            assert told, text
            assert not unseen(told)
            assert len(told) <= longest
        for dialect in DIALECTS:
            reader = "spark" if dialect == "delta" else dialect
            written = create_table(table.contract, table.load, dialect, "db.t")
            assert len(sqlglot.parse(written, read=reader)) == 1, text
            assert not unseen(written, "\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_drafts_of_files_have_the_keys_that_they_say(text: str) -> None:
    """A name of a file or of a column, and what was seen, is no line of YAML."""
    plain = Draft("bronze.t", (Column("id", "string", "string"),), {"write": {"mode": "append"}}, "Seen.", ("A hint.",))
    draft = replace(plain, seen=text, hints=(text,), load={"source": {"object": text}, **plain.load})
    contract, load = contract_text(draft), load_text(draft)
    assert not unseen(contract + load, "\n")
    assert yaml.safe_load(contract) == yaml.safe_load(contract_text(plain))
    found = yaml.safe_load(load)
    assert found["write"] == {"mode": "append"}
    assert set(found) == {"source", "write"}
