"""Settings that reach AWS, and none that carry a credential."""

from __future__ import annotations

import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tidemark.aws.clients import client, filesystem, s3_uri, session, spark_conf
from tidemark.aws.settings import AwsSettings
from tidemark.errors import ConfigError
from tidemark.spark import jars

LOCAL = AwsSettings(
    region="eu-central-1",
    endpoint_url="http://127.0.0.1:18400",
    profile="tidemark-test",
    credentials_file="/nowhere/credentials",
)
NAMES = ("AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE")

PROVIDER = "spark.hadoop.fs.s3a.aws.credentials.provider"


@pytest.fixture(autouse=True)
def _own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "to be restored")
        monkeypatch.delenv(name)


@pytest.fixture
def credentials(tmp_path: Path) -> AwsSettings:
    file = tmp_path / "credentials"
    file.write_text("[tidemark-test]\naws_access_key_id = AKIATEST\naws_secret_access_key = aws-canary-secret\n")
    return LOCAL.model_copy(update={"credentials_file": str(file)})


def test_spark_gets_places_of_credentials_and_no_credentials(credentials: AwsSettings) -> None:
    conf = spark_conf(credentials)
    assert "aws-canary-secret" not in str(conf)
    assert not [name for name in conf if "secret" in name or "access.key" in name]
    assert conf["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:18400"
    assert conf["spark.hadoop.fs.s3a.path.style.access"] == "true"
    assert conf["spark.hadoop.fs.s3a.connection.ssl.enabled"] == "false"
    assert [os.environ[name] for name in NAMES] == ["tidemark-test", credentials.credentials_file]


def test_on_aws_itself_nothing_but_the_region_is_needed() -> None:
    conf = spark_conf(AwsSettings(region="eu-west-1"))
    assert conf["spark.hadoop.fs.s3a.endpoint.region"] == "eu-west-1"
    assert "DefaultCredentialsProvider" in conf[PROVIDER]
    assert not [name for name in conf if name.endswith((".endpoint", "path.style.access"))]
    assert not [name for name in NAMES if name in os.environ]
    assert spark_conf(None) == {}


@pytest.mark.parametrize("profile", ["tidemark-test", None])
def test_who_provides_credentials_is_in_the_locked_jars(profile: str | None) -> None:
    provider = spark_conf(LOCAL.model_copy(update={"profile": profile}))[PROVIDER]
    (jar,) = (jar for jar in jars.locked_jars() if jar.coordinate.startswith("software.amazon.awssdk:auth:"))
    with zipfile.ZipFile(jars.install() / jar.file_name) as content:
        assert f"{provider.replace('.', '/')}.class" in content.namelist()


def test_clients_take_region_endpoint_and_credentials_from_the_settings(credentials: AwsSettings) -> None:
    s3 = client("s3", credentials)
    assert s3.meta.region_name == "eu-central-1"
    assert s3.meta.endpoint_url == "http://127.0.0.1:18400"
    found = session(credentials).get_credentials()
    assert found is not None
    assert (found.access_key, found.secret_key) == ("AKIATEST", "aws-canary-secret")
    assert client("s3", credentials) is s3


def test_a_profile_that_is_not_there_is_told_with_its_file() -> None:
    with pytest.raises(ConfigError, match="no AWS profile tidemark-test in /nowhere/credentials") as refused:
        session(LOCAL)
    assert "tidemark sandbox up" in str(refused.value.next_step)


def test_the_file_system_shows_no_credentials(credentials: AwsSettings) -> None:
    store = filesystem(credentials)
    assert "aws-canary-secret" not in f"{store!r} {store} {store.storage_options}"


@pytest.mark.parametrize(
    ("uri", "expected"), [("s3a://b/c", "s3://b/c"), ("s3://b/c", "s3://b/c"), ("/local/s3a://x", "/local/s3a://x")]
)
def test_addresses_for_services(uri: str, expected: str) -> None:
    assert s3_uri(uri) == expected


def test_threads_share_the_file_system_of_an_environment(credentials: AwsSettings) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(filesystem, [credentials, credentials.model_copy()])
    assert first is second
    assert filesystem(credentials.model_copy(update={"region": "eu-west-1"})) is not first
