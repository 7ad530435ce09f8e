"""Sessions of Snowflake by prefect-snowflake, whose blocks are built in memory when one is opened, and never saved.

How a user logs in follows from what the secret has, unless the connection says it (`authenticator`):

| the secret has | and the login is |
|---|---|
| `private_key`, for an encrypted one `private_key_passphrase` | by key pair |
| `token` | by OAuth |
| nothing, or no secret is named | by workload identity: the role of the run |
| `password` | by password, which Snowflake lets no service user do: for stand-ins on this machine |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from tidemark.warehouses import Trouble, WarehouseError

if TYPE_CHECKING:
    from tidemark.config.connections import ConnectionValue

Authenticator = Literal["key_pair", "oauth", "workload_identity", "password"]

_REACHED_BY = ("host", "port", "protocol")
_STAND_IN = "http"
_BY_FIELD: Mapping[str, Authenticator] = {"private_key": "key_pair", "token": "oauth", "password": "password"}
DEFAULT_SCHEMA = "PUBLIC"


def open_session(connection: ConnectionValue, session: Mapping[str, Any]) -> Any:
    """A session of Snowflake's connector, logged in; raises what the connector does, or `WarehouseError`."""
    from prefect_snowflake import SnowflakeConnector, SnowflakeCredentials
    from pydantic import ValidationError

    settings = connection.settings
    try:
        credentials = SnowflakeCredentials(account=settings["account"], **_login(connection))
    except ValidationError as invalid:  # its own text shows what it was given
        raise _refused(connection, "; ".join(error["msg"] for error in invalid.errors())) from None
    _opens(connection, credentials)
    reached = {name: settings[name] for name in _REACHED_BY if settings.get(name) is not None}
    if not settings.get("warehouse"):
        return credentials.get_client(**reached, **session, database=settings["database"])
    connector = SnowflakeConnector(
        credentials=credentials,
        database=settings["database"],
        warehouse=settings["warehouse"],
        schema=settings.get("schema", DEFAULT_SCHEMA),
    )
    return connector.get_connection(**reached, **session)


def authenticator(connection: ConnectionValue) -> Authenticator:
    """How the user logs in."""
    said: Authenticator | None = connection.settings.get("authenticator")
    has = [way for field, way in _BY_FIELD.items() if connection.secret.get(field)]
    return said or (has[0] if has else "workload_identity")


def _login(connection: ConnectionValue) -> dict[str, Any]:
    settings, secret, way = connection.settings, connection.secret, authenticator(connection)
    login: dict[str, Any] = {}
    if settings.get("role"):
        login["role"] = settings["role"]
    if way == "workload_identity":
        provider = settings.get("workload_identity_provider", "aws")
        token = {"token": secret["token"]} if provider == "oidc" else {}
        return {**login, "authenticator": "workload_identity", "workload_identity_provider": provider, **token}
    login["user"] = settings.get("user") or secret["user"]
    if way == "key_pair":
        passphrase = secret.get("private_key_passphrase")
        locked = {"private_key_passphrase": passphrase} if passphrase else {}
        return {**login, "authenticator": "snowflake_jwt", "private_key": secret["private_key"], **locked}
    if way == "oauth":
        return {**login, "authenticator": "oauth", "token": secret["token"]}
    if settings.get("protocol") != _STAND_IN:
        raise _refused(
            connection,
            "it has a password alone, by which Snowflake lets no service user in: give it a private_key, a token, or "
            "let the connection say `authenticator: workload_identity`",
        )
    return {**login, "password": secret["password"]}


def _opens(connection: ConnectionValue, credentials: Any) -> None:
    """Whether the private key can be read; why it cannot is said without the key."""
    from prefect_snowflake.credentials import InvalidPemFormat

    try:
        credentials.resolve_private_key()
    except InvalidPemFormat:
        raise _refused(connection, "its private_key is not in PEM (-----BEGIN PRIVATE KEY-----, in lines)") from None
    except (TypeError, ValueError):
        why = "its private_key cannot be opened: private_key_passphrase is missing or wrong, or the key is cut"
        raise _refused(connection, why) from None


def _refused(connection: ConnectionValue, why: str) -> WarehouseError:
    return WarehouseError(Trouble.CREDENTIALS, f"the secret {connection.secret.name or '(none)'} lets nobody in: {why}")
