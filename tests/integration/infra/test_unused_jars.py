"""The image goes without jars of Spark that nothing misses: what loads do is done by a Spark without them."""

from __future__ import annotations

import os
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pyspark
import pytest

ROOT = Path(__file__).parents[3]
SPARK = Path(pyspark.__file__).parent
LOADS = (
    "tests/unit/delta/test_generated_code.py",
    "tests/unit/write/modes/test_scd2.py",
    "tests/unit/sources/landing/formats",
    "tests/unit/compute/gate/test_quality.py",
)
"""Rows read from files, checked, merged, replaced and looked at, with generated code and without."""


def unused() -> list[str]:
    lines = (ROOT / "docker" / "unused-jars").read_text("utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


@pytest.fixture
def spark_of_the_image(tmp_path: Path) -> Path:
    """A home of Spark with the jars that the image has."""
    for each in SPARK.iterdir():
        if each.name != "jars":
            (tmp_path / each.name).symlink_to(each)
    (tmp_path / "jars").mkdir()
    for jar in (SPARK / "jars").glob("*.jar"):
        if not any(fnmatch(jar.name, name) for name in unused()):
            (tmp_path / "jars" / jar.name).symlink_to(jar)
    return tmp_path


def test_nothing_that_is_named_after_them_stays(spark_of_the_image: Path) -> None:
    names = [jar.name for jar in (spark_of_the_image / "jars").iterdir()]
    of_them = [name for name in names if any(word in name for word in ("mesos", "derby", "kubernetes", "hive"))]
    assert [name.rpartition("-")[0] for name in of_them] == ["hive-storage-api"]
    assert [name for name in unused() if not any(fnmatch(jar.name, name) for jar in (SPARK / "jars").iterdir())] == []


@pytest.mark.timeout(2400)
def test_what_loads_do_misses_none_of_them(spark_of_the_image: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *LOADS],
        cwd=ROOT,
        env=os.environ | {"SPARK_HOME": str(spark_of_the_image)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-4000:]
