"""An entry of a table's log on S3: one of any number of writers gets a version, and knows whether it was the one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from tests.support.s3_store import S3Store, serving
from tidemark.errors import ConfigError
from tidemark.spark import logstore
from tidemark.spark.jvm import java_class

ENTRY = "00000000000000000007.json"
MINE, THEIRS = ['{"commitInfo":{"txnId":"mine"}}', '{"add":{"path":"ü"}}'], ['{"commitInfo":{"txnId":"theirs"}}']
TAKEN = "FileAlreadyExistsException"


class Log:
    """The log of a table in a bucket of its own, and the store that Delta writes it with."""

    def __init__(self, spark: SparkSession, store: S3Store) -> None:
        self.spark, self.s3 = spark, store
        self.bucket = f"b{uuid.uuid4().hex}"
        self.conf = java_class(spark, "org.apache.hadoop.conf.Configuration")()
        self.settings = {
            "endpoint": f"http://127.0.0.1:{store.port}",
            "endpoint.region": "eu-central-1",
            "path.style.access": "true",
            "connection.ssl.enabled": "false",
            "ssl.channel.mode": "default_jsse",
            "access.key": "any",
            "secret.key": "any",
            "aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
            "attempts.maximum": "2",
            "retry.limit": "1",
            "retry.interval": "10ms",
        }
        for name, value in self.settings.items():
            self.conf.set(f"fs.s3a.{name}", value)
        self.store = java_class(spark, logstore.CLASS)(self.conf)

    def write(self, lines: list[str], *, overwrite: bool = False) -> None:
        given = java_class(self.spark, "java.util.ArrayList")()
        for line in lines:
            given.add(line)
        self.store.write(self.path(), given.iterator(), overwrite, self.conf)

    def path(self) -> Any:
        return java_class(self.spark, "org.apache.hadoop.fs.Path")(f"s3a://{self.bucket}/t/_delta_log/{ENTRY}")

    def verify(self) -> None:
        java_class(self.spark, logstore.CLASS).verify(self.path().getParent(), self.conf)

    def lies_there(self) -> list[str]:
        return self.s3.objects[f"/{self.bucket}/t/_delta_log/{ENTRY}"].decode().splitlines()

    def refuse(self, lines: list[str], because: str) -> None:
        with pytest.raises(Py4JJavaError) as refused:
            self.write(lines)
        assert because in str(refused.value.java_exception.toString())


@pytest.fixture(scope="module")
def s3() -> Iterator[Callable[..., S3Store]]:
    with ExitStack() as stack:
        stores: dict[bool, S3Store] = {}

        def of(*, deaf: bool = False) -> S3Store:
            if deaf not in stores:
                stores[deaf] = stack.enter_context(serving(S3Store(deaf=deaf)))
            return stores[deaf]

        yield of


@pytest.fixture
def log(spark: SparkSession, s3: Callable[..., S3Store]) -> Log:
    return Log(spark, s3())


def test_an_entry_is_written_once_and_read_back(log: Log) -> None:
    log.write(MINE)
    log.refuse(THEIRS, TAKEN)
    assert log.lies_there() == MINE
    lines = log.store.read(log.path(), log.conf)
    assert [lines.next() for _ in MINE] == MINE

    log.write(THEIRS, overwrite=True)  # as for what only hints at the log
    assert log.lies_there() == THEIRS
    assert not log.store.isPartialWriteVisible(log.path(), log.conf)


def test_putting_an_entry_is_one_request(log: Log) -> None:
    log.verify()
    log.s3.requests.clear()
    log.write(MINE)
    assert log.s3.requests == {"PUT": 1}


def test_of_many_writers_at_once_one_gets_the_version(log: Log) -> None:
    def outcome(number: int) -> str:
        try:
            log.write([f'{{"writer":{number}}}'])
        except Py4JJavaError as lost:
            return str(lost.java_exception.getClass().getSimpleName())
        return "won"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(outcome, range(8)))
    assert sorted(outcomes) == [TAKEN] * 7 + ["won"]
    assert log.lies_there() == [f'{{"writer":{outcomes.index("won")}}}']


@pytest.mark.parametrize("mishaps", [["lost"], ["broken"], ["broken", "down"], ["lost", "lost"]])
def test_a_put_whose_answer_was_lost_is_a_commit(log: Log, mishaps: list[str]) -> None:
    log.verify()
    log.s3.mishaps[:] = mishaps
    log.write(MINE)
    assert log.lies_there() == MINE
    log.s3.mishaps.clear()
    log.refuse(MINE[:1], TAKEN)


def test_where_two_are_under_way_the_store_is_asked_again(log: Log) -> None:
    log.verify()
    log.s3.mishaps[:] = ["conflict", "conflict"]
    log.write(MINE)
    log.s3.mishaps[:] = ["conflict"]
    log.refuse(THEIRS, TAKEN)
    assert log.lies_there() == MINE


def test_a_put_that_was_not_done_is_told_as_such_and_not_as_lost_to_another(log: Log) -> None:
    log.verify()
    log.s3.mishaps[:] = ["down"] * 20
    log.refuse(MINE, "AWSStatus500Exception")
    log.s3.mishaps.clear()
    log.write(MINE)
    assert log.lies_there() == MINE


def test_a_store_that_overwrites_gets_no_entry(spark: SparkSession, s3: Callable[..., S3Store]) -> None:
    log = Log(spark, s3(deaf=True))
    log.refuse(MINE, "ignores the condition If-None-Match")
    assert not [key for key in log.s3.objects if key.endswith(".json")]


def test_a_file_system_that_knows_no_condition_gets_none(log: Log, tmp_path: Path) -> None:
    given = java_class(log.spark, "java.util.ArrayList")()
    path = java_class(log.spark, "org.apache.hadoop.fs.Path")(str(tmp_path / ENTRY))
    with pytest.raises(Py4JJavaError, match=r"cannot put on a condition; use s3a://"):
        log.store.write(path, given.iterator(), False, log.conf)
    assert not (tmp_path / ENTRY).exists()


def test_a_run_looks_at_its_store_before_it_begins(
    spark: SparkSession, s3: Callable[..., S3Store], tmp_path: Path
) -> None:
    assert spark.conf.get("spark.delta.logStore.s3a.impl") == logstore.CLASS
    good, deaf = Log(spark, s3()), Log(spark, s3(deaf=True))
    logstore.verify(spark, str(tmp_path))
    context: Any = spark.sparkContext
    for log in (good, deaf):
        for name, value in log.settings.items():
            context._jsc.hadoopConfiguration().set(f"fs.s3a.bucket.{log.bucket}.{name}", value)

    logstore.verify(spark, f"s3a://{good.bucket}/lake")
    with pytest.raises(ConfigError, match="ignores the condition If-None-Match"):
        logstore.verify(spark, f"s3a://{deaf.bucket}/lake")
    assert f"/{good.bucket}/lake/_conditional_put" in good.s3.objects


def test_a_jar_is_made_anew_from_another_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Path] = []

    def compile_to(folder: Path, scratch: Path) -> None:
        compiled.append(folder)
        (scratch / "Any.class").write_bytes(b"code")

    monkeypatch.setattr(logstore, "_compile", compile_to)
    logstore.install(tmp_path)
    logstore.install(tmp_path)
    (first,) = tmp_path.iterdir()
    monkeypatch.setattr(logstore, "source", lambda: "another")
    logstore.install(tmp_path)
    (second,) = tmp_path.iterdir()
    assert first.name != second.name
    assert compiled == [tmp_path, tmp_path]
