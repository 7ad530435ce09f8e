"""One Spark everywhere: what is locked, what the code was written for, and the release that EMR's image is of."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pyspark
import pytest

from tidemark.spark.jars import locked_jars

ROOT = Path(__file__).parents[3]
# What Amazon says of its releases: AWS runtime for Apache Spark, release notes of EMR Serverless.
SPARK_OF_RELEASE = {"emr-spark-8.0.0": "4.0.2", "emr-spark-8.2.0": "4.1.3"}
DELTA_OF_RELEASE = {"emr-spark-8.0.0": "4.0.0", "emr-spark-8.2.0": "4.2.0"}


def minor(of: str) -> str:
    return ".".join(of.split(".")[:2])


def release_of_image() -> str:
    found = re.search(
        r"^ARG EMR_IMAGE=\S+/(emr-[\w.-]+):", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert found
    return found[1]


def locked(package: str, file: str) -> str:
    text = (ROOT / "requirements" / file).read_text(encoding="utf-8")
    found = re.search(rf"^{package}==(\S+)", text, re.MULTILINE)
    assert found
    return found[1]


@pytest.mark.parametrize("file", ["dev.txt", "runtime.txt"])
def test_the_image_of_emr_has_the_spark_that_is_locked(file: str) -> None:
    release = release_of_image()
    assert minor(locked("pyspark", file)) == minor(SPARK_OF_RELEASE[release])
    assert minor(locked("delta-spark", file)) == minor(DELTA_OF_RELEASE[release])


def test_delta_is_built_for_the_spark_that_is_here() -> None:
    (jar,) = (jar for jar in locked_jars() if jar.artifact.startswith("delta-spark"))
    assert jar.artifact == f"delta-spark_{minor(pyspark.__version__)}_2.13"
    assert jar.version == locked("delta-spark", "dev.txt") == version("delta-spark")
