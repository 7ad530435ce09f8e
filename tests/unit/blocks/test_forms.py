"""The forms of deployments: fields that a person fills in, none for what a deployment has, and runs that they start."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.utilities.callables import parameter_schema

from blocks.deployments import GIVEN, form, show_forms
from tests.support.deployments.prefect_file import DEPLOYMENTS, flow_of

GIVEN_HERE = {"env": "dev", "config": "config"}


def shown(name: str) -> dict[str, Any]:
    return form(parameter_schema(flow_of(DEPLOYMENTS[name])).model_dump_for_openapi(), GIVEN_HERE)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_no_field_asks_for_environment_or_null(name: str) -> None:
    told = shown(name)
    assert not set(GIVEN) & told["properties"].keys()
    for field, schema in told["properties"].items():
        assert "anyOf" not in schema, field
        assert schema["type"] != "null", field
        assert schema.get("default", "") is not None, field
        assert schema.get("description"), field
    assert set(told["required"]) <= told["properties"].keys()


def test_fields_keep_what_they_offer() -> None:
    daily, ingest = shown("daily")["properties"], shown("crm_to_bronze")["properties"]
    assert (daily["date"]["type"], daily["date"]["format"]) == ("string", "date")
    assert "default" not in daily["date"]
    assert (daily["select"]["type"], daily["select"]["default"]) == ("array", [])
    assert daily["full_refresh"]["default"] is False
    assert ingest["connection"]["enum"] == ["crm", "landing", "redshift", "snowflake"]


@pytest.fixture
def client(prefect_server: str) -> SyncPrefectClient:
    return get_client(sync_client=True)


def deployed(client: SyncPrefectClient, name: str) -> Any:
    flow = flow_of(DEPLOYMENTS[name])
    schema = parameter_schema(flow).model_dump_for_openapi()
    called = f"{name}.forms"
    client.create_deployment(
        client.create_flow(flow),
        called,
        parameters=GIVEN_HERE,
        tags=["kept"],
        parameter_openapi_schema=schema,
        enforce_parameter_schema=True,
    )
    assert show_forms({"deployments": [{"name": called}]}) == 1
    return client.read_deployment_by_name(f"{flow.name}/{called}")


def test_a_run_has_the_deployments_environment_and_what_was_filled_in(client: SyncPrefectClient) -> None:
    deployment = deployed(client, "daily")
    assert set(deployment.parameter_openapi_schema["properties"]) == set(shown("daily")["properties"])
    assert (deployment.parameters, deployment.tags) == (GIVEN_HERE, ["kept"])
    untouched = client.create_flow_run_from_deployment(deployment.id)
    assert untouched.parameters == GIVEN_HERE
    filled = {"date": "2025-03-01", "select": ["gold.*"], "full_refresh": True, "allow": []}
    assert client.create_flow_run_from_deployment(deployment.id, parameters=filled).parameters == GIVEN_HERE | filled
    cleared = {"date": None, "select": [], "since": None}
    run = client.create_flow_run_from_deployment(deployment.id, parameters=cleared)
    flow_of(DEPLOYMENTS["daily"]).validate_parameters(run.parameters)


@pytest.mark.parametrize(
    "wrong",
    [
        {"allow": ["everything"]},
        {"full_refresh": "perhaps"},
        {"select": "gold.*"},
        {"env": "prod"},
        {"config": "s3://elsewhere/config"},
    ],
)
def test_what_does_not_fit_is_refused_by_the_api(client: SyncPrefectClient, wrong: dict[str, Any]) -> None:
    deployment = deployed(client, "daily")
    (field,) = wrong
    with pytest.raises(PrefectHTTPStatusError, match="409") as refused:
        client.create_flow_run_from_deployment(deployment.id, parameters=wrong)
    assert f"Validation failed for field '{field}" in refused.value.response.text
