"""Metrics of runs are what the books say, in CloudWatch's format, under the names that alarms watch."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from tidemark.aws.folder import open_folder
from tidemark.books import Books
from tidemark.config.environment import Environment
from tidemark.control.runs import GateSummary, RunSummary, TableResult
from tidemark.observe import metrics

OBSERVABILITY = Path(__file__).parents[3] / "infra/terraform/modules/observability/main.tf"
BEGAN, ENDED = datetime(2025, 3, 1, 4, 0), datetime(2025, 3, 1, 4, 30)
BOOKS = Books(extracted=10, accepted=7, quarantined=2, superseded=1, inserted=7)


def summary(*tables: TableResult, **more: Any) -> RunSummary:
    told = {"finished_at": ENDED, "status": "done", "tables": tables, "job": "daily"}
    return RunSummary("r", "daily", "prod", date(2025, 3, 1), BEGAN, **(told | more))


def of(run: RunSummary, *, plans: bool = False, usd: float | None = None, **ages: float) -> metrics.Metrics:
    by_table = {name.replace("__", "."): age for name, age in ages.items()}
    return metrics.of_run(run, by_table, usd_an_hour=usd, plans=plans)


def documents(found: metrics.Metrics, job: str = "daily") -> list[dict[str, Any]]:
    told = metrics.lines(found, environment="prod", job=job, at=ENDED, run_id="r")
    return [json.loads(line) for line in told]


def test_what_is_counted_is_what_the_books_say() -> None:
    failed = GateSummary(3, 5, failed=("a: was 1", "b: was 2"), warnings=("c",))
    found = of(
        summary(
            TableResult("bronze.orders", "committed", 20.0, books=BOOKS),
            TableResult("silver.orders", "gate failed", 60.0, books=BOOKS, gate=failed),
            TableResult("gold.sales", "stopped"),
        )
    )
    assert found.job == {
        "records_processed_total": 10,  # what was not committed was not processed
        "rows_quarantined": 4,  # but it is in the error lane
        "dq_critical_failures": 2,
        "latency_seconds": 1800,
    }
    assert found.tables["bronze.orders"]["records_processed_total"] == 10
    assert found.tables["silver.orders"] == {
        "records_processed_total": 0,
        "rows_quarantined": 2,
        "dq_critical_failures": 2,
        "latency_seconds": 60,
    }


def test_a_backfill_that_failed_in_a_chunk_has_processed_those_before_it() -> None:
    found = of(summary(TableResult("bronze.orders", "gate failed", 9.0, books=BOOKS, chunk="2025-03-02")))
    assert (found.job["records_processed_total"], found.job["rows_quarantined"]) == (10, 2)


def test_a_plan_has_processed_and_refused_nothing() -> None:
    failed = GateSummary(0, 1, failed=("a",))
    found = of(summary(TableResult("bronze.orders", "gate failed", 1.0, books=BOOKS, gate=failed)), plans=True)
    counted = ("records_processed_total", "rows_quarantined", "dq_critical_failures")
    assert [found.job[name] for name in counted] == [0, 0, 0]


def test_a_gate_that_has_no_checks_to_name_is_a_failure_too() -> None:
    assert of(summary(TableResult("gold.sales", "gate failed"))).job["dq_critical_failures"] == 1


def test_a_table_costs_its_part_of_the_time() -> None:
    found = of(summary(TableResult("bronze.a", "committed", 30.0), TableResult("bronze.b", "committed", 10.0)), usd=2.0)
    assert found.job["cost_estimate_usd"] == 1.0  # half an hour
    assert [found.tables[table]["cost_estimate_usd"] for table in ("bronze.a", "bronze.b")] == [0.75, 0.25]


def test_cost_is_unknown_and_not_nothing_where_nobody_says_what_things_cost(tmp_path: Path) -> None:
    sizes = {"small": {"cores": 2, "memory_gb": 8}, "large": {"cores": 4, "memory_gb": 16, "executors": 3}, "own": {}}
    document = {"name": "t", "home": str(tmp_path), "exchange": "x", "compute": {"sizes": sizes}}
    free = Environment.model_validate(document)
    prices = {"vcpu_hour_usd": 0.05, "memory_gb_hour_usd": 0.01}
    priced = Environment.model_validate(document | {"prices": prices})
    assert metrics.usd_an_hour(free, "small") is None
    assert [metrics.usd_an_hour(priced, size) for size in ("own", "other", None)] == [None, None, None]
    assert metrics.usd_an_hour(priced, "small") == pytest.approx(2 * 0.05 + 8 * 0.01)
    assert metrics.usd_an_hour(priced, "large") == pytest.approx(4 * (4 * 0.05 + 16 * 0.01))
    assert "cost_estimate_usd" not in of(summary()).job


def test_ages_are_told_of_every_table_and_the_oldest_of_the_environment() -> None:
    found = of(summary(TableResult("gold.sales", "committed", 1.0, books=BOOKS)), gold__sales=60.0, bronze__fx=7200.0)
    assert found.job["freshness_seconds"] == 7200
    assert {table: values["freshness_seconds"] for table, values in found.tables.items()} == {
        "gold.sales": 60,
        "bronze.fx": 7200,
    }


def test_each_line_is_a_document_of_the_embedded_metric_format() -> None:
    """After its specification: what `_aws` declares stands beside it, dimensions as text and metrics as numbers."""
    told = documents(of(summary(TableResult("bronze.orders", "committed", 20.0, books=BOOKS)), usd=1.0, bronze__fx=5.0))
    assert [document.get("Table") for document in told] == [None, "bronze.fx", "bronze.orders"]
    for document in told:
        assert document["_aws"]["Timestamp"] == 1740803400000  # 2025-03-01T04:30:00Z
        (declared,) = document["_aws"]["CloudWatchMetrics"]
        assert declared["Namespace"] == "Tidemark"
        for names in declared["Dimensions"]:
            assert 0 < len(names) <= 30
            assert all(isinstance(document[name], str) and document[name] for name in names)
        for metric in declared["Metrics"]:
            assert isinstance(document[metric["Name"]], int | float)
            assert metric["Unit"] in ("Count", "Seconds", "None")


def test_metrics_lie_beside_the_summary_and_go_to_stdout_where_that_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = open_folder(str(tmp_path))
    for to in ("file", "stdout"):
        document = {"name": "t", "home": str(tmp_path), "exchange": "x", "metrics": {"to": to}}
        told = metrics.lines(of(summary()), environment="t", job="daily", at=ENDED, run_id="r")
        metrics.write(Environment.model_validate(document), folder, "r", told)
        kept = (tmp_path / "r.metrics.jsonl").read_text("utf-8")
        assert json.loads(kept)["Job"] == "daily"
        assert capsys.readouterr().out == (kept if to == "stdout" else "")


def test_metrics_that_cannot_be_kept_are_printed_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    document = {"name": "t", "home": str(tmp_path), "exchange": "x", "metrics": {"to": "stdout"}}
    told = iter(['{"one": 1}'])
    metrics.write(Environment.model_validate(document), open_folder(str(tmp_path / "runs")), "r", told)
    assert capsys.readouterr().out == '{"one": 1}\n'
    assert "the metrics of r could not be kept" in caplog.text


def alarms() -> list[tuple[str, frozenset[str]]]:
    """Metrics and dimensions that the Terraform module's alarms and dashboard watch in our namespace."""
    text = OBSERVABILITY.read_text("utf-8")
    namespace = re.search(r'namespace\s*=\s*"(\w+)"', text)
    assert namespace is not None
    assert namespace[1] == metrics.NAMESPACE
    watched: list[tuple[str, frozenset[str]]] = []
    groups = {
        name: re.findall(r"^    (\w+) = \{", found[1], re.MULTILINE)
        for name in ("alarms", "job_alarms")
        if (found := re.search(rf"^  {name}\s*= \{{\n(.*?)^  \}}", text, re.MULTILINE | re.DOTALL))
    }
    for block in re.findall(r'^resource "aws_cloudwatch_metric_alarm".*?^\}', text, re.MULTILINE | re.DOTALL):
        if "local.namespace" not in block:
            continue
        (dimensions,) = re.findall(r"dimensions\s*=\s*\{(.*?)\}", block)
        names = frozenset(re.findall(r"(\w+)\s*=", dimensions))
        (metric,) = re.findall(r"metric_name\s*=\s*(.+)", block)
        (each,) = re.findall(r"for_each\s*=\s*(.+)", block)
        named = [metric.strip('"')] if metric.startswith('"') else groups[each.removeprefix("local.")]
        watched += [(name, names) for name in named]
    (shown,) = re.findall(r"for index, metric in \[(.*?)\]", text)
    (beside,) = re.findall(r"\[\[local\.namespace, metric, (.*?)\]\]", text)
    shown_by = frozenset(re.findall(r'"(\w+)"', beside))
    return [*watched, *((name, shown_by) for name in re.findall(r'"(\w+)"', shown))]


def test_every_alarm_watches_a_metric_that_runs_write_under_these_dimensions() -> None:
    run = summary(TableResult("gold.sales", "committed", 1.0, books=BOOKS))
    written = {
        (metric["Name"], frozenset(dimensions))
        for document in documents(of(run, usd=1.0, gold__sales=1.0))
        for declared in document["_aws"]["CloudWatchMetrics"]
        for metric in declared["Metrics"]
        for dimensions in declared["Dimensions"]
    }
    watched = alarms()
    assert set(watched) <= written
    assert {name for name, _ in watched} == set(metrics.UNITS), "every metric is watched or shown"
    assert ("latency_seconds", frozenset({"Environment", "Job"})) in watched, "a backfill may take its time"
