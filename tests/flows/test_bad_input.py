"""Whole runs on bad input: one screen that says what to do, an exit code, nothing half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.daily import daily
from tests.flows.conftest import Pipeline

SCREEN = 20  # lines
SMALL = "12m"

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Answer:
    """What a command ended with."""

    code: int
    error: str


def tidemark(pipeline: Pipeline, api: str, *arguments: str, before: tuple[str, ...] = (), **variables: str) -> Answer:
    """A command in a process of its own; `before` is put in front of it, `variables` into its environment."""
    command = [*before, sys.executable, "-m", "cli.main", *arguments]
    where = ["--env", pipeline.where["env"], "--config", pipeline.where["config"]]
    environment = os.environ | {"PREFECT_API_URL": api} | variables
    ended = subprocess.run(
        [*command, *where], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    told = ended.stderr[ended.stderr.find("error: ") :]
    assert told.startswith("error: "), ended.stderr
    assert len(told.splitlines()) <= SCREEN
    assert "Traceback" not in ended.stderr
    assert "\tat org.apache" not in ended.stderr
    return Answer(ended.returncode, told)


def fake_java(folder: Path, says: str) -> Path:
    """A Java home whose `java -version` says something."""
    (folder / "bin").mkdir(parents=True)
    java = folder / "bin" / "java"
    java.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    java.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("says", "told"), [('openjdk version "11.0.2"', "is Java 11"), ("no such thing", "holds no bin/java that runs")]
)
def test_another_java_is_refused_before_anything_is_read(
    pipeline: Pipeline, prefect_server: str, tmp_path: Path, says: str, told: str
) -> None:
    home = fake_java(tmp_path / "jdk", says)

    answer = tidemark(pipeline, prefect_server, "run", JAVA_HOME=str(home))

    assert answer.code == 2
    assert told in answer.error
    assert "point JAVA_HOME to a Java 17 or 21" in answer.error
    assert pipeline.versions() == {}


def test_a_missing_secret_is_named_with_where_it_was_looked_for(
    pipeline: Pipeline, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIDEMARK_SECRET_LANDING")

    answer = tidemark(pipeline, prefect_server, "run")

    assert answer.code == 2
    assert "TIDEMARK_SECRET_LANDING" in answer.error
    assert pipeline.versions() == {}


def test_a_contract_that_cannot_be_read_stops_the_run_with_file_line_and_fix(
    pipeline: Pipeline, prefect_server: str
) -> None:
    contract = pipeline.lake.root / "config" / "bronze" / "items.contract.yaml"
    text = contract.read_text("utf-8")
    for spoilt, told in (
        (text.replace("int", "intt"), "intt"),
        (text + "\ncolour: blue\n", "colour"),
        (text + "\n  - : [", "items.contract.yaml:"),
    ):
        contract.write_text(spoilt, encoding="utf-8")
        answer = tidemark(pipeline, prefect_server, "run")
        assert answer.code == 2
        assert told in answer.error
        assert "items.contract.yaml" in answer.error
    assert pipeline.versions() == {}


def on_a_small_disk(pipeline: Pipeline, kept: Path) -> tuple[str, ...]:
    """What to put before a command so that it finds the home on a small disk; `kept` is the home as it was left.

    The disk is mounted in a namespace of the command's own, which needs no rights.
    """
    script = (
        f"set -e; mv {pipeline.home} {kept}; mkdir {pipeline.home};"
        f" mount -t tmpfs -o size={SMALL} tmpfs {pipeline.home}; cp -a {kept}/. {pipeline.home}/;"
        f' set +e; "$@"; code=$?; rm -rf {kept}; cp -a {pipeline.home}/. {kept}/; exit $code'
    )
    return ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh")


def test_a_full_disk_is_told_and_what_was_there_stays(pipeline: Pipeline, prefect_server: str) -> None:
    daily(**pipeline.where)
    before, rows = pipeline.versions(), pipeline.lake.read("bronze.orders")
    lines = [f"{number},{os.urandom(400).hex()},1" for number in range(10, 40_000)]
    pipeline.land("orders/2.csv", "id,customer,qty", *lines)
    kept = pipeline.lake.root / "kept"

    answer = tidemark(pipeline, prefect_server, "run", before=on_a_small_disk(pipeline, kept))
    pipeline.home.rmdir()
    kept.rename(pipeline.home)

    assert answer.code == 1
    assert "the disk is full" in answer.error
    assert "bronze.orders" in answer.error
    assert pipeline.versions() == before
    assert pipeline.lake.read("bronze.orders") == rows
    daily(**pipeline.where)
    assert len(pipeline.lake.read("bronze.orders")) == len(rows) + len(lines)


def test_files_of_every_bad_kind_lose_nothing(pipeline: Pipeline) -> None:
    """One run over all of them: each line is in the table or in the error lane, and the books say so."""
    landing = pipeline.lake.root / "landing" / "orders"
    pipeline.land("orders/2-numbers.csv", "id,customer,qty", "10,nan,NaN", "11,inf,Infinity", "12,big,99999999999999")
    pipeline.land("orders/3-keys.csv", "id,customer,qty", "13,twice,1", "13,twice,1", ",nobody,1")
    pipeline.land("orders/4-names.csv", 'id,customer,qty,"a.b","c ""d""","e\nf"', "14,odd,1,x,y,z")
    pipeline.land("orders/5-long.csv", "id,customer,qty", f"15,{'x' * 10_000_000},1")
    (landing / "6-empty.csv").write_bytes(b"")
    (landing / "7-header.csv").write_bytes(b"id,customer,qty\n")
    (landing / "8-cut.csv").write_bytes(b'id,customer,qty\n16,cut,1\n17,"cut in the mid')
    (landing / "9-latin.csv").write_bytes("id,customer,qty\n18,Zoë,1\n".encode("latin-1"))

    daily(**pipeline.where)

    books = pipeline.results()["bronze.orders"]["books"]
    assert (books["extracted"], books["accepted"], books["quarantined"], books["superseded"]) == (15, 7, 7, 1)
    received = {row[0] for row in pipeline.lake.read("bronze.orders", "id")}
    assert received == {1, 2, 3, 13, 14, 15, 16}
    told = sorted(
        (", ".join(f"{reason['column']}.{reason['rule']}" for reason in row["reasons"]))
        for row in pipeline.lake.errors("bronze.orders")
    )
    assert told == sorted([*["qty.type"] * 3, "qty.minimum", "id.required", "_record.parse", "_record.parse"])
    assert ("x", "y", "z") in pipeline.lake.read("bronze.orders", "a_b", "c__d", "e_f")
