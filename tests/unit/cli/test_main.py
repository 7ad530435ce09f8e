"""The command line: what it answers, with which exit code, and what it does not load on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import pytest

from cli.main import main
from tidemark.aws.folder import open_folder
from tidemark.config.jobs import load_jobs
from tidemark.control.release import record
from tidemark.control.runs import Run, RunStore, RunSummary
from tidemark.control.state import SqliteState

CONFIG = Path("config").resolve()
NOWHERE = "http://127.0.0.1:9/api"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of the environment `local`."""
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TIDEMARK_CONFIG", str(CONFIG))
    return tmp_path / "home"


def in_a_process(*arguments: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    """The command as a person calls it: what it sets in its environment ends with it."""
    command = [sys.executable, "-c", code] if code else [sys.executable, "-m", "cli.main", *arguments]
    environment = os.environ | {"PREFECT_API_URL": NOWHERE}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


class TestLean:
    """Small commands answer at once, because they load little."""

    def test_help_loads_neither_prefect_nor_spark_nor_aws(self) -> None:
        heavy = ("prefect", "pyspark", "boto3", "pandas", "sqlglot", "pydantic")
        code = f"import sys, cli.main; print([name for name in {heavy} if name in sys.modules])"
        assert in_a_process(code=code).stdout.strip() == "[]"

    def test_validate_loads_neither_prefect_nor_spark(self) -> None:
        code = (
            "import sys; from cli.main import main; main(['validate']);"
            " print([name for name in ('prefect', 'pyspark') if name in sys.modules])"
        )
        assert in_a_process(code=code).stdout.splitlines()[-1] == "[]"


class TestUsage:
    """What is typed wrongly is told with exit code 2, and nothing is run."""

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["run", "--date", "2999-01-01"], "lies in the future"),
            (["run", "--date", "31.3.2025"], "is not a date"),
            (["run", "--since", "yesterday"], "is not a date or an instant"),
            (["job", "crm_to_bronce"], "crm_to_bronze"),
            (["validate", "--env", "locl"], "local"),
            (["validate", "--config", "/no/such/folder"], "/no/such/folder"),
            (["ddl", "--dialect", "delta", "--select", "gold.fact_sale"], "gold.fact_sales"),
            (["runs", "show", "abc"], "no lake at"),
            (["plan", "--date", "2999-01-01"], "lies in the future"),
            (["apply", "abc"], "there is no plan that begins with 'abc'"),
            (["apply", __file__], "is no plan"),
        ],
    )
    def test_it_says_what_and_what_next(
        self, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert told in error
        assert "Traceback" not in error

    @pytest.mark.parametrize(
        "arguments", [["fly"], ["ddl"], ["ddl", "--dialect", "oracle"], ["run", "--no-such-option"]]
    )
    def test_unknown_commands_and_options_are_refused(self, arguments: list[str]) -> None:
        assert main(arguments) == 2

    def test_debug_shows_the_stack_trace(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["runs", "show", "abc", "--debug"]) == 2
        assert "Traceback (most recent call last)" in capsys.readouterr().err

    def test_without_a_name_every_job_is_listed(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["job"]) == 0
        shown = capsys.readouterr().out
        assert [name for name in load_jobs(CONFIG) if name not in shown] == []
        assert main(["job", "--json"]) == 0
        listed = json.loads(capsys.readouterr().out)
        assert {"name": "crm_to_bronze", "flow": "ingest"}.items() <= listed[3].items()


class TestWithoutPrefect:
    """Without a server nothing is started in its stead."""

    @pytest.mark.parametrize("command", [("run",), ("plan",), ("check",), ("job", "daily"), ("blocks", "register")])
    def test_it_says_what_to_do(self, command: tuple[str, ...]) -> None:
        answer = in_a_process(*command)
        assert answer.returncode == 2
        assert f"the Prefect server at {NOWHERE} does not answer" in answer.stderr
        assert "tidemark sandbox up" in answer.stderr
        assert answer.stdout == ""


class TestSandbox:
    """The sandbox commands without a sandbox."""

    def test_advance_says_what_to_do(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["sandbox", "advance"]) == 1
        error = capsys.readouterr().err
        assert "the sandbox is not up" in error
        assert "tidemark sandbox up" in error

    def test_down_has_nothing_to_do(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["sandbox", "down"]) == 0
        assert "the sandbox is down" in capsys.readouterr().out
        assert not (home / "sandbox").exists()

    def test_a_home_on_s3_has_no_sandbox(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "config" / "env").mkdir(parents=True)
        far = {
            "name": "far",
            "home": "s3a://b/home",
            "exchange": "s3a://b/x",
            "state": {"kind": "dynamodb", "location": "t"},
        }
        (tmp_path / "config" / "env" / "far.yaml").write_text(json.dumps(far))
        assert main(["sandbox", "down", "--env", "far", "--config", str(tmp_path / "config")]) == 2
        assert "the sandbox needs a folder" in capsys.readouterr().err


class TestConfig:
    """validate and ddl."""

    def test_the_shipped_configuration_is_valid(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["validate", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["valid"], told["findings"], len(told["sha256"])) == (True, [], 64)

    def test_a_finding_is_told_with_file_line_and_fix(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "config" / "env").mkdir(parents=True)
        (tmp_path / "config" / "env" / "local.yaml").write_text("name: local\nhome: h\nexchange: e\ncolour: blue\n")
        assert main(["validate", "--config", str(tmp_path / "config")]) == 2
        report = capsys.readouterr().out
        assert "local.yaml:4" in report
        assert "colour" in report
        assert "fix: " in report
        assert "2 errors, 0 warnings" in report

    @pytest.mark.parametrize("dialect", ["delta", "snowflake", "redshift"])
    def test_ddl_writes_a_statement_for_each_selected_table(
        self, dialect: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["ddl", "--dialect", dialect, "-s", "gold.dim_date,gold.fact_sales"]) == 0
        written = capsys.readouterr().out
        assert written.count("CREATE TABLE IF NOT EXISTS ") == 2
        assert written.count("CREATE SCHEMA IF NOT EXISTS ") == 1
        assert written.rstrip().endswith(";")


class TestReports:
    """errors, runs and state read what runs left."""

    @pytest.fixture
    def after_a_run(self, home: Path) -> str:
        run = Run.start(date(2025, 3, 30))
        summary = RunSummary(run.run_id, "daily", "local", run.date, run.started_at, "done", datetime(2025, 3, 30, 6))
        RunStore(open_folder(str(home / "runs"))).save(summary)
        state = SqliteState(home / "state" / "state.db")
        state.put("table", "silver.orders", {"version": 3, "watermark": {}, "run_id": run.run_id})
        record(state, run, {})
        reasons = [{"rule": "enum", "column": "status", "value": "lost", "message": "not in the list"}]
        row = {
            "error_id": "e1",
            "reasons": reasons,
            "payload": '{"STATUS": "lost"}',
            "origin": "file 1",
            "batch_id": "b",
        }
        lane = open_folder(str(home / "lake" / "_errors"))
        lane.write_text(f"bronze/snowflake_orders/dt=2025-03-30/run_id={run.run_id}/part-0.json", json.dumps(row))
        return run.run_id

    @pytest.mark.parametrize(
        "command",
        [
            ["errors", "list"],
            ["errors", "show", "e1"],
            ["errors", "discard", "--table", "bronze.fx_rates", "--yes"],
            ["runs", "list"],
            ["runs", "show", "latest"],
            ["state", "show"],
            ["restore", "--run", "r1", "--yes"],
            ["ls"],
            ["show", "gold.fact_sales"],
            ["query", "SELECT 1 AS one"],
            ["sla"],
            ["bypass", "list"],
            ["recover"],
            ["recover", "--finish", "--yes"],
            ["subject", "receipts"],
            ["subject", "export", "email=a@shop.example"],
        ],
        ids=" ".join,
    )
    def test_where_there_is_no_lake_they_say_so_and_make_nothing(
        self, command: list[str], home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(command) == 2
        told = " ".join(capsys.readouterr().err.split())
        assert f"no lake at {home}" in told
        assert "go to the project's folder" in told
        assert not home.exists()

    @pytest.mark.parametrize("command", [["catalog", "build", "--out"], ["doctor"]], ids=" ".join)
    def test_what_does_without_a_lake_makes_none(self, command: list[str], home: Path, tmp_path: Path) -> None:
        main([*command, str(tmp_path / "site")] if command[-1] == "--out" else command)
        assert not home.exists()

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["--table", "bronze.crm_acounts"], "there is no table `bronze.crm_acounts` did you mean"),
            (["--rule", "emial"], "there is no rule `emial`"),
            (["--rule", "status.enm"], "did you mean `status.enum`?"),
            (["--run", "zzzz"], "there is no run 'zzzz'"),
        ],
    )
    @pytest.mark.parametrize("command", [["errors", "list"], ["errors", "discard", "--yes"]], ids=" ".join)
    def test_a_name_that_there_is_not_is_no_empty_answer(
        self, command: list[str], options: list[str], told: str, after_a_run: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([*command, *options]) == 2
        assert told in " ".join(capsys.readouterr().err.replace(" next ", " ").split())

    @pytest.mark.parametrize(
        "options", [["--table", "bronze.fx_rates"], ["--rule", "email.format"], ["--rule", "type"]]
    )
    def test_what_nothing_was_rejected_of_is_an_empty_answer(
        self, options: list[str], after_a_run: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["errors", "list", *options]) == 0
        assert capsys.readouterr().out.strip() == "no rejected rows"
        assert main(["errors", "list", "--run", after_a_run[:6], *options]) == 0

    def test_errors_list_shows_why(self, after_a_run: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["errors", "list", "--run", after_a_run[:6], "--rule", "enum"]) == 0
        shown = capsys.readouterr().out
        assert all(
            word in shown for word in ("bronze.snowflake_orders", "status.enum", "lost", "file 1", after_a_run[:8])
        )
        assert main(["errors", "list", "--table", "bronze.fx_rates", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"rows": [], "by_rule": {}}

    def test_an_error_is_shown_as_it_came(self, after_a_run: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["errors", "show", "e1"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert (shown["payload"], shown["status"], shown["origin"]) == ({"STATUS": "lost"}, "open", "file 1")
        assert main(["errors", "show", "f"]) == 2
        assert "no error with an id that begins with f" in capsys.readouterr().err

    def test_discarded_errors_are_closed_and_kept(self, after_a_run: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["errors", "discard", "--yes"]) == 2, "everything there is, is not what anybody means"
        assert main(["errors", "discard", "--rule", "status.enum", "--yes"]) == 0
        assert "1 errors discarded" in capsys.readouterr().out
        assert main(["errors", "list"]) == 0
        assert capsys.readouterr().out.strip() == "no rejected rows"
        assert main(["errors", "list", "--status", "discarded", "--json"]) == 0
        assert [row["error_id"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["e1"]

    def test_a_restore_needs_a_release_that_there_is(
        self, after_a_run: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["restore", "--run", "r7", "--yes"]) == 2
        told = capsys.readouterr().err
        assert "no release is of a run r7" in told
        assert f"r1 ({after_a_run[:8]}" in told

    def test_runs_are_listed_and_shown(self, after_a_run: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["runs", "list"]) == 0
        assert after_a_run[:8] in capsys.readouterr().out
        assert main(["runs", "show", "abc"]) == 2
        assert "there is no run 'abc'" in capsys.readouterr().err
        for name in ("latest", "r1"):
            assert main(["runs", "show", name, "--json"]) == 0
            assert json.loads(capsys.readouterr().out)["run_id"] == after_a_run
        assert main(["runs", "show", "r7"]) == 2
        assert "there is no release r7" in capsys.readouterr().err
        assert main(["runs", "show", after_a_run[:6], "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["run_id"] == after_a_run

    def test_state_shows_versions_and_the_release(self, after_a_run: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["state", "show"]) == 0
        shown = capsys.readouterr().out
        assert "release r1" in shown
        assert "silver.orders" in shown
        assert main(["state", "show", "--json"]) == 0
        stored = json.loads(capsys.readouterr().out)
        assert stored["release"]["tables"] == {"silver.orders": 3}
        assert stored["tables"]["silver.orders"]["version"] == 3

    def test_state_shows_how_far_each_source_was_read(
        self, home: Path, after_a_run: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        state = SqliteState(home / "state" / "state.db")
        marks = {
            "bronze.a": {"column": "at", "low": None, "high": "2025-03-30T05:00:00.000000"},
            "bronze.b": {"column": "a", "low": 0, "high": 7301, "then": [{"column": "b", "low": None, "high": 12}]},
        }
        for table, mark in marks.items():
            state.put("table", table, {"version": 1, "watermark": mark, "run_id": after_a_run})
        assert main(["state", "show"]) == 0
        shown = capsys.readouterr().out
        assert "2025-03-30 05:00:00 " in shown
        assert "7301 / 12" in shown


class TestDoctor:
    """What is missing on this machine, and how to mend it."""

    def test_every_finding_that_is_bad_has_a_fix(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PREFECT_API_URL", NOWHERE)
        assert main(["doctor", "--json"]) == 1
        findings = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
        assert {"python", "java", "jars", "disk", "prefect", "aws", "secret of crm", "state store"} <= set(findings)
        assert findings["python"]["ok"]
        assert not findings["prefect"]["ok"]
        assert not findings["secret of crm"]["ok"]
        assert all(finding["fix"] for finding in findings.values() if not finding["ok"])
