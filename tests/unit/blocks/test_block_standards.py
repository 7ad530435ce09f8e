"""One standard for every block: described, documented, and without a secret's value wherever one could look."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from urllib.parse import urlparse

import cloudpickle
import prefect.settings
import pytest
from prefect.blocks.core import Block

from blocks.logins import connections
from blocks.logins.connections import BLOCKS, ConnectionBlock
from tidemark.aws import secrets
from tidemark.errors import ConfigError

CANARY = "c4nary-Password-93f1"
SETTINGS: dict[str, dict[str, object]] = {
    "snowflake": {"account": "acme", "database": "SHOP", "warehouse": "WH", "network_timeout": 20},
    "redshift": {"host": "127.0.0.1", "port": 5439, "database": "shop", "ssl": False},
    "rest": {"base_url": "http://127.0.0.1:1", "page_size": 100},
    "kafka": {"bootstrap_servers": "a.example:9092,b.example:9092", "security_protocol": "SASL_SSL"},
    "s3": {"uri": "s3a://landing/"},
    "files": {"uri": "/mnt/landing"},
}
every_block = pytest.mark.parametrize("block", list(BLOCKS.values()), ids=list(BLOCKS))


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a secret that holds the canary."""
    monkeypatch.setenv("TIDEMARK_SECRET_STANDARD_TEST", json.dumps({"user": "loader", "password": CANARY}))
    secrets.forget()
    return "standard/test"


def made(block: type[ConnectionBlock], secret: str) -> ConnectionBlock:
    return block.from_settings(SETTINGS[block.kind], environment="test", secret=secret, provider="env")


def test_every_block_of_the_module_is_known() -> None:
    defined = {
        value
        for value in vars(connections).values()
        if isinstance(value, type) and issubclass(value, ConnectionBlock) and value is not ConnectionBlock
    }
    assert defined == set(BLOCKS.values())


@every_block
def test_it_is_a_documented_block_with_a_name_of_its_own(block: type[ConnectionBlock]) -> None:
    assert issubclass(block, Block)
    assert block.__doc__
    assert block.get_block_type_slug() == f"tidemark-{block.kind}-connection"
    assert (block.get_block_type_name() or "").startswith("Tidemark ")


@every_block
def test_every_field_is_described(block: type[ConnectionBlock]) -> None:
    undescribed = [name for name, field in block.model_fields.items() if not field.description]
    assert undescribed == []


@every_block
def test_no_field_is_made_for_a_secret(block: type[ConnectionBlock]) -> None:
    assert all("Secret" not in str(field.annotation) for field in block.model_fields.values())
    assert not {"password", "token", "client_secret"} & set(block.model_fields)


@every_block
def test_settings_come_back_as_they_were_given(block: type[ConnectionBlock], secret: str) -> None:
    given = SETTINGS[block.kind]
    settings = made(block, secret).settings()
    assert {key: settings[key] for key in given} == given
    assert None not in settings.values()


@every_block
def test_the_value_is_fetched_at_use(block: type[ConnectionBlock], secret: str) -> None:
    value = made(block, secret).value("somewhere", None)
    assert (value.name, value.kind) == ("somewhere", block.kind)
    assert value.secret["password"] == CANARY
    assert value.rotated() is None, "nothing was changed since"


@every_block
def test_credentials_that_were_rotated_are_fetched_past_the_memory_of_them(
    block: type[ConnectionBlock], secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = made(block, secret).value("somewhere", None)
    monkeypatch.setenv("TIDEMARK_SECRET_STANDARD_TEST", json.dumps({"user": "loader", "password": "new"}))
    assert made(block, secret).value("somewhere", None).secret["password"] == CANARY
    rotated = value.rotated()
    assert rotated is not None
    assert rotated.secret["password"] == "new"
    assert made(block, secret).value("somewhere", None).secret["password"] == "new"


@every_block
def test_after_use_the_secret_is_in_no_form_of_the_block(block: type[ConnectionBlock], secret: str) -> None:
    instance = made(block, secret)
    value = instance.value("somewhere", None)
    forms = [
        repr(instance),
        str(instance),
        instance.model_dump_json(),
        str(instance.model_dump(context={"include_secrets": True})),
        str(vars(instance)),
        repr(value),
        str(value),
        str(value.secret),
        f"{value!r:>10}",
    ]
    assert all(CANARY not in form for form in forms)
    assert all(CANARY.encode() not in dump(instance) for dump in (pickle.dumps, cloudpickle.dumps))
    for dump in (pickle.dumps, cloudpickle.dumps):
        with pytest.raises(TypeError, match="not pickled"):
            dump(value)


@every_block
def test_the_secret_is_not_in_prefects_database(block: type[ConnectionBlock], secret: str, prefect_server: str) -> None:
    name = f"standard-{block.kind}"
    made(block, secret).save(name)
    loaded = block.load(name)
    assert isinstance(loaded, block)
    assert loaded.value("somewhere", None).secret["password"] == CANARY
    loaded.save(name, overwrite=True)

    database = Path(urlparse(str(prefect.settings.PREFECT_SERVER_DATABASE_CONNECTION_URL.value())).path)
    stored = b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))
    assert name.encode() in stored
    assert CANARY.encode() not in stored


@every_block
def test_options_hold_no_credentials(block: type[ConnectionBlock]) -> None:
    with pytest.raises(ValueError, match="password: a value to hide") as raised:
        block.from_settings(
            SETTINGS[block.kind] | {"password": CANARY}, environment="test", secret=None, provider="env"
        )
    assert CANARY not in str(raised.value)


@every_block
def test_a_missing_secret_names_the_places_searched(block: type[ConnectionBlock]) -> None:
    instance = block.from_settings(SETTINGS[block.kind], environment="test", secret="no/such", provider="env")
    with pytest.raises(ConfigError, match="TIDEMARK_SECRET_NO_SUCH"):
        instance.value("somewhere", None)


def test_an_address_that_is_not_on_s3_is_refused() -> None:
    with pytest.raises(ValueError, match="must begin with s3://"):
        connections.S3Connection(environment="test", uri="landing/drop")
