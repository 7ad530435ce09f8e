"""The JVM gets no variable that a query should not be able to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tidemark.spark.gateway import variables_for_java
from tidemark.spark.jars import changed_jars_of_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SECRET = (
    "TIDEMARK_SECRET_TIDEMARK_PROD_CRM",
    "tidemark_secret_lower",
    "TIDEMARK_APPROVAL_KEY",
    "TIDEMARK_ENVIRONMENT_SECRETS",
    "PREFECT_API_KEY",
    "PREFECT_API_URL",
    "PREFECT_SERVER_API_AUTH_STRING",
    "PREFECT_API_DATABASE_CONNECTION_URL",
    "SNOWFLAKE_PASSWORD",
    "PGPASSWORD",
    "GITHUB_TOKEN",
    "SLACK_API_KEY",
    "MY_PRIVATE_KEY",
    "DB_CREDENTIALS",
)
NEEDED = (
    "PATH",
    "HOME",
    "JAVA_HOME",
    "SPARK_LOCAL_IP",
    "TIDEMARK_JARS",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "LC_ALL",
    "TZ",
)


@pytest.mark.parametrize("name", SECRET)
def test_secrets_are_kept_back(name: str) -> None:
    assert variables_for_java({name: "c4nary"}) == {}


@pytest.mark.parametrize("name", NEEDED)
def test_what_java_and_s3_need_is_there(name: str) -> None:
    assert variables_for_java({name: "x"}) == {name: "x"}


def test_the_jvm_of_a_session_has_none_of_them(spark: SparkSession) -> None:
    found = list(spark._jvm.java.lang.System.getenv())
    assert "PATH" in found
    assert [name for name in found if not variables_for_java({name: ""})] == []


def test_sparks_own_jars_are_as_they_were_installed() -> None:
    assert changed_jars_of_spark() == ()
