"""Requests that EMR Serverless takes, whatever a flow run is called and however much is set."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.client.schemas.objects import Flow, FlowRun

from blocks.emr_serverless.api_limits import LONGEST_PARAMETERS, TAGS, tags
from blocks.emr_serverless.configuration import EMRServerlessConfiguration
from tidemark.errors import ConfigError

REQUIRED = {"application_id": "00f1abc", "execution_role_arn": "arn:aws:iam::111122223333:role/tidemark-job"}
SERVICE: Any = boto3.client("emr-serverless", region_name="eu-central-1")
SHAPES = SERVICE.meta.service_model


def fits(shape: str, text: str) -> bool:
    """Whether the API's own description of a text takes it; botocore does not look at patterns."""
    described = SHAPES.shape_for(shape).metadata
    pattern = described.get("pattern", ".*")
    return described.get("min", 0) <= len(text) <= described["max"] and re.fullmatch(pattern, text) is not None


def prepared(run_name: str = "hot-owl", **settings: Any) -> EMRServerlessConfiguration:
    configuration = EMRServerlessConfiguration(**REQUIRED, **settings)
    flow = Flow(id=uuid4(), name="daily", labels={})
    configuration.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=flow.id, name=run_name), flow=flow)
    return configuration


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("hot-owl", "hot-owl"),
        ("Rerun for #4711 (late FX)", "Rerun for -4711 -late FX-"),
        ("Nachlauf März", "Nachlauf Marz"),
        ("rerun, day 2", "rerun- day 2"),
        ("再実行", "---"),
        ("x" * 300, "x" * 256),
    ],
)
def test_the_name_of_a_flow_run_becomes_a_tag_that_is_taken(name: str, tag: str) -> None:
    made = prepared(name).request("tidemark-x", "token")["tags"]
    assert made["prefect.io/flow-run-name"] == tag
    assert all(fits("TagKey", key) and fits("TagValue", value) for key, value in made.items())


@given(st.dictionaries(st.text(max_size=200), st.text(max_size=400) | st.none(), max_size=70))
def test_whatever_the_labels_are_their_tags_are_taken(labels: dict[str, str | None]) -> None:
    made = tags(labels)
    assert len(made) <= TAGS
    assert all(fits("TagKey", key) and fits("TagValue", value) for key, value in made.items())
    assert not any(key.lower().startswith("aws:") for key in made)


def test_labels_that_look_alike_stay_apart() -> None:
    assert tags({"team#1": "a", "team(1": "b", "aws:x": "c"}) == {"team-1": "a", "team-1-2": "b", "aws-x": "c"}


def test_of_too_many_labels_those_of_prefect_stay() -> None:
    made = tags({f"a{number:03}": "x" for number in range(80)} | {"prefect.io/flow-run-id": "1"})
    assert len(made) == TAGS
    assert made["prefect.io/flow-run-id"] == "1"


def test_what_is_too_long_is_refused_before_aws_does_and_named() -> None:
    with pytest.raises(ConfigError, match=r"take.* 102,400.*driverEnv\.BIG \(103,000 characters\)"):
        prepared(env={"BIG": "x" * 103_000})
    with pytest.raises(ConfigError, match=r"spark\.big \(103,000 characters\)"):
        prepared(spark_conf={"spark.big": "x" * 103_000})
    assert SHAPES.shape_for("SparkSubmitParameters").metadata["max"] == LONGEST_PARAMETERS


def test_what_quoting_adds_counts() -> None:
    quotes = {"QUOTES": "'" * 40_000}
    with pytest.raises(ConfigError, match="QUOTES"):
        prepared(env=quotes)


def test_a_command_with_too_many_words_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"1,10\d words, EMR Serverless takes 1,024"):
        prepared(command="prefect " + "x " * 1100)


@pytest.mark.parametrize("name", ["PREFECT_CLIENT_CUSTOM_HEADERS", "PREFECT_API_DATABASE_CONNECTION_URL"])
def test_settings_that_let_in_stay_with_the_worker(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, '{"Authorization": "c4nary"}' if "HEADERS" in name else "postgresql://a:c4nary@b/c")
    assert "c4nary" not in str(prepared().request("tidemark-x", "token"))
