"""Every way in to the warehouses' stand-ins, from a block in Prefect to a session; a way that is shut says why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import prefect.settings
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from blocks.register import connect, register_connections
from sandbox.credentials import REDSHIFT, SNOWFLAKE
from sandbox.services.lent import lend
from sandbox.services.redshift_logins import NAME, ROLE_USER
from tidemark.aws import database_login, secrets
from tidemark.aws.clients import client
from tidemark.aws.secrets import SecretMapping
from tidemark.config.environment import ConnectionSpec, Environment
from tidemark.errors import ConfigError
from tidemark.warehouses import Trouble, Warehouse, WarehouseError
from tidemark.warehouses.redshift import Redshift
from tidemark.warehouses.snowflake import Snowflake

PASSPHRASE = "c4nary-passphrase-5e1d"
SECRET = "tidemark/logins"
Changed = Callable[..., Environment]

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    secrets.forget()
    database_login.forget()
    yield
    secrets.forget()
    database_login.forget()


@pytest.fixture
def changed(environment: Environment) -> Changed:
    """The environment with another secret and further settings of one connection, registered in Prefect."""

    def change(name: str, secret: str | None, **settings: Any) -> Environment:
        spec = environment.connections[name]
        spec = spec.model_copy(
            update={"secret": secret, "block": f"logins-{name}", "settings": {**spec.settings, **settings}}
        )
        made = environment.model_copy(update={"connections": {**environment.connections, name: spec}})
        register_connections(made)
        return made

    return change


def store(environment: Environment, **fields: str) -> str:
    """Puts a secret into Secrets Manager, in place of what it held."""
    manager = client("secretsmanager", environment.aws)
    known = {entry["Name"] for entry in manager.list_secrets(MaxResults=100)["SecretList"]}
    if SECRET not in known:
        manager.create_secret(Name=SECRET, SecretString="{}")
    manager.put_secret_value(SecretId=SECRET, SecretString=json.dumps(fields))
    return SECRET


def key_pair(passphrase: str | None = PASSPHRASE) -> tuple[str, str]:
    """A private key in PEM, and its public half as Snowflake takes it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    lock: Any = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else None
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock or serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem.decode(), "".join(public.decode().splitlines()[1:-1])


def who(warehouse: Warehouse) -> Any:
    """A session's answer to the simplest of questions."""
    with warehouse.session() as session:
        return session.one("SELECT 1")[0]


def give_key(environment: Environment, public: str) -> None:
    with Snowflake(connect(environment, "snowflake")).session() as session:
        session.run(f"ALTER USER {SNOWFLAKE.user} SET RSA_PUBLIC_KEY = '{public}'")


def test_the_password_of_the_sandbox_comes_through_a_block_of_prefect_aws(environment: Environment) -> None:
    from prefect_aws import AwsSecret

    register_connections(environment)
    assert {change.outcome for change in register_connections(environment)} == {"unchanged"}
    block: Any = AwsSecret.load("tidemark-local-snowflake")
    assert block.secret_name == "tidemark/snowflake"
    assert block.aws_credentials.region_name == "eu-central-1"
    assert block.aws_credentials.aws_access_key_id is None
    assert block.aws_credentials.aws_secret_access_key is None
    value = connect(environment, "snowflake")
    assert value.secret["password"] == SNOWFLAKE.password
    assert who(Snowflake(value)) == 1
    assert who(Redshift(connect(environment, "redshift"))) == 1


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_a_key_pair_lets_in_and_a_rotated_one_is_followed(
    environment: Environment, changed: Changed, passphrase: str | None
) -> None:
    register_connections(environment)
    locked = {"private_key_passphrase": passphrase} if passphrase else {}
    first, second = key_pair(passphrase), key_pair(passphrase)
    secret = store(environment, user=SNOWFLAKE.user, private_key=first[0], **locked)
    by_key = changed("snowflake", secret)
    give_key(environment, first[1])
    warehouse = Snowflake(connect(by_key, "snowflake"))
    assert who(warehouse) == 1

    give_key(environment, second[1])
    store(environment, user=SNOWFLAKE.user, private_key=second[0], **locked)
    assert who(warehouse) == 1, "the key that is remembered is refused, the present one is fetched"

    give_key(environment, first[1])
    with pytest.raises(WarehouseError, match="JWT token is invalid") as refused:
        who(warehouse)
    assert refused.value.trouble is Trouble.CREDENTIALS


def test_neither_key_nor_passphrase_is_in_prefects_database(
    environment: Environment, changed: Changed, prefect_server: str
) -> None:
    private, public = key_pair()
    register_connections(environment)
    give_key(environment, public)
    secret = store(environment, user=SNOWFLAKE.user, private_key=private, private_key_passphrase=PASSPHRASE)
    assert who(Snowflake(connect(changed("snowflake", secret), "snowflake"))) == 1
    database = Path(urlparse(str(prefect.settings.PREFECT_SERVER_DATABASE_CONNECTION_URL.value())).path)
    stored = b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))
    assert b"logins-snowflake" in stored
    line = private.splitlines()[3].encode()
    assert all(canary not in stored for canary in (PASSPHRASE.encode(), line, SNOWFLAKE.password.encode()))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"private_key_passphrase": "another"}, "cannot be opened"),
        ({"private_key_passphrase": ""}, "cannot be opened"),
        ({"private_key": "no key"}, "is not in PEM"),
    ],
)
def test_a_key_that_cannot_be_read_is_said_without_the_key(
    environment: Environment, changed: Changed, fields: dict[str, str], why: str
) -> None:
    private, _ = key_pair()
    whole = {"user": SNOWFLAKE.user, "private_key": private, "private_key_passphrase": PASSPHRASE} | fields
    warehouse = Snowflake(connect(changed("snowflake", store(environment, **whole)), "snowflake"))
    with pytest.raises(WarehouseError, match=why) as refused:
        warehouse.open()
    assert (refused.value.trouble, private[60:90] in str(refused.value)) == (Trouble.CREDENTIALS, False)
    assert SECRET in warehouse.advice(refused.value.trouble)


def test_a_token_of_oauth_lets_in_until_it_expires(environment: Environment, changed: Changed) -> None:
    secret = store(environment, user=SNOWFLAKE.user, token=lend(SNOWFLAKE.user, 60))
    warehouse = Snowflake(connect(changed("snowflake", secret), "snowflake"))
    assert who(warehouse) == 1
    store(environment, user=SNOWFLAKE.user, token=lend(SNOWFLAKE.user, -1))
    secrets.forget()
    expired = Snowflake(connect(changed("snowflake", secret), "snowflake"))
    with pytest.raises(WarehouseError, match="OAuth access token expired") as refused:
        who(expired)
    assert refused.value.trouble is Trouble.CREDENTIALS
    store(environment, user=SNOWFLAKE.user, token=lend(SNOWFLAKE.user, 60))
    assert who(expired) == 1


def test_a_password_alone_lets_nobody_in_but_to_a_stand_in(environment: Environment, changed: Changed) -> None:
    outside = changed("snowflake", "tidemark/snowflake", protocol="https", host="acme.snowflakecomputing.com")
    with pytest.raises(WarehouseError, match="by which Snowflake lets no service user in") as refused:
        Snowflake(connect(outside, "snowflake")).open()
    assert SNOWFLAKE.password not in str(refused.value)


@pytest.mark.parametrize(
    ("place", "user"),
    [
        ({"workgroup": NAME}, ROLE_USER),
        ({"cluster": NAME}, ROLE_USER),
        ({"cluster": NAME, "db_user": "etl"}, "IAM:etl"),
    ],
)
def test_iam_lends_a_login_to_redshift(changed: Changed, place: dict[str, str], user: str) -> None:
    lent = changed("redshift", None, iam=True, **place)
    value = connect(lent, "redshift")
    assert value.secret["user"] == user
    assert value.secret["password"] != REDSHIFT.password
    assert who(Redshift(value)) == 1
    assert connect(lent, "redshift").secret["password"] == value.secret["password"], "it is kept while it holds"


def test_a_lent_login_that_has_expired_is_lent_again(changed: Changed) -> None:
    value = connect(changed("redshift", None, iam=True, workgroup=NAME), "redshift")
    old = SecretMapping({"user": ROLE_USER, "password": lend(ROLE_USER, -1)})
    assert who(Redshift(replace(value, secret=old))) == 1
    with pytest.raises(WarehouseError, match="has expired"):
        Redshift(replace(value, secret=old, refetch=None)).open()


def test_what_iam_does_not_lend_is_named_with_what_the_role_needs(changed: Changed) -> None:
    with pytest.raises(ConfigError, match="workgroup other: ResourceNotFoundException") as raised:
        connect(changed("redshift", None, iam=True, workgroup="other"), "redshift")
    assert "redshift-serverless:GetCredentials" in str(raised.value.next_step)
    with pytest.raises(ConfigError, match="cluster other: ClusterNotFound"):
        connect(changed("redshift", None, iam=True, cluster="other"), "redshift")


@pytest.mark.parametrize(
    ("secret", "settings", "why"),
    [
        (None, {"iam": True}, "either its workgroup or its cluster"),
        (None, {"iam": True, "workgroup": "a", "cluster": "b"}, "either its workgroup or its cluster"),
        ("tidemark/redshift", {"iam": True, "workgroup": "a"}, "has no secret"),
        (None, {"workgroup": "a", "db_user": "x"}, "db_user is a user of a cluster"),
    ],
)
def test_a_login_that_cannot_be_is_not_registered(
    changed: Changed, secret: str | None, settings: dict[str, Any], why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        changed("redshift", secret, **settings)


def test_what_is_not_in_secrets_manager_is_looked_for_in_parameter_store(environment: Environment) -> None:
    client("ssm", environment.aws).put_parameter(
        Name="/logins/only-there", Value=json.dumps({"user": "u", "password": "from-ssm"}), Type="SecureString"
    )
    spec = ConnectionSpec(
        kind="rest", block="logins-ssm", secret="logins/only-there", settings={"base_url": "https://x"}
    )
    where = environment.model_copy(update={"secrets": ("aws", "ssm"), "connections": {"crm": spec}})
    register_connections(where)
    assert connect(where, "crm").secret["password"] == "from-ssm"
