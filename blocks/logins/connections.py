"""Prefect blocks for connections: where a system is and what its secret is called, never what the secret says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, field_validator, model_validator

from blocks.logins.secrets import read_text
from blocks.logins.snowflake_login import Authenticator, open_session
from tidemark.aws.database_login import LoginPlace, lent_login
from tidemark.aws.secrets import Provider, SecretMapping, fetch, ordered
from tidemark.config.connections import ConnectionValue

if TYPE_CHECKING:
    from tidemark.aws.settings import AwsSettings

_OWN_FIELDS = frozenset({"environment", "secret", "secret_block", "provider", "options"})
_SECRET_WORDS = ("password", "passwd", "secret", "token", "private_key", "api_key", "access_key", "credential")


Login = Callable[[ConnectionValue, Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Credentials:
    """Fetches a connection's credentials; by itself anew, past every memory of them."""

    fetched: Callable[..., SecretMapping]

    def __call__(self, *, anew: bool = True) -> SecretMapping:
        return self.fetched(anew=anew)


class ConnectionBlock(Block):
    """What every connection has: settings that anyone may read, and the name of a secret."""

    model_config = ConfigDict(hide_input_in_errors=True)
    kind: ClassVar[str]

    environment: str = Field(description="Environment whose file says the rest: only its runs use the block.")
    secret: str | None = Field(
        default=None,
        description="Name of the secret that holds the credentials as a JSON object. Empty where none are needed.",
    )
    secret_block: str | None = Field(
        default=None,
        description="Name of the block AWS Secret that reads it from Secrets Manager, without keys.",
    )
    provider: tuple[Provider, ...] = Field(
        default=("aws",),
        description="Where the secret is looked for, in this order: aws (Secrets Manager), ssm (a SecureString of "
        "Parameter Store), env (variable TIDEMARK_SECRET_<NAME>).",
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="Further settings for the client of this system. No credentials."
    )

    @field_validator("provider", mode="before")
    @classmethod
    def _in_order(cls, provider: Provider | tuple[Provider, ...]) -> tuple[Provider, ...]:
        return ordered(provider)

    @field_validator("options")
    @classmethod
    def _hold_no_credentials(cls, options: dict[str, Any]) -> dict[str, Any]:
        named = [key for key in options if any(word in key.lower() for word in _SECRET_WORDS)]
        if named:
            raise ValueError(f"{', '.join(named)}: a value to hide has no place here; name a secret in `secret`")
        return options

    @classmethod
    def from_settings(
        cls,
        settings: Mapping[str, Any],
        *,
        environment: str,
        secret: str | None,
        provider: Provider | tuple[Provider, ...],
        secret_block: str | None = None,
    ) -> Self:
        """The block for an environment's settings; what has no field of its own becomes an option."""
        own = {key: value for key, value in settings.items() if key in cls.setting_names()}
        options = {key: value for key, value in settings.items() if key not in own}
        own |= {"environment": environment, "secret": secret, "secret_block": secret_block}
        return cls(**own, options=options, provider=ordered(provider))

    @classmethod
    def setting_names(cls) -> tuple[str, ...]:
        """The fields that are settings of the system itself."""
        return tuple(name for name in cls.model_fields if name not in _OWN_FIELDS)

    def settings(self) -> dict[str, Any]:
        """Settings and options together, without those that are not set."""
        own = {name: getattr(self, name) for name in self.setting_names()}
        return {key: value for key, value in {**self.options, **own}.items() if value is not None}

    def value(self, name: str, aws: AwsSettings | None) -> ConnectionValue:
        """The connection called `name` with its credentials, fetched now; raises `ConfigError` without the secret.

        Credentials live in the returned value alone: it shows them to nobody, and logs are kept clean of them.
        """
        known = ConnectionValue(name=name, kind=self.kind, settings=self.settings(), login=self.login())
        credentials = self.credentials(aws)
        return known if credentials is None else replace(known, secret=credentials(anew=False), refetch=credentials)

    def credentials(self, aws: AwsSettings | None) -> Credentials | None:
        """What fetches the credentials, from memory or anew; None where the system wants none."""
        if self.secret is None:
            return None
        block, name = self.secret_block, self.secret
        manager = None if block is None else partial(read_text, block, name, aws)
        return Credentials(partial(fetch, name, self.provider, aws, manager=manager))

    def login(self) -> Login | None:
        """What opens a session of the system's client; None where that is the client's own way."""
        return None


class SnowflakeConnection(ConnectionBlock):
    """A Snowflake account. The secret holds `user` and `private_key`, or `token`; workload identity needs none."""

    _block_type_name = "Tidemark Snowflake Connection"
    _block_type_slug = "tidemark-snowflake-connection"
    kind: ClassVar[str] = "snowflake"

    account: str = Field(description="Account identifier, for example myorg-account123.")
    database: str = Field(description="Database to work in.")
    warehouse: str | None = Field(default=None, description="Virtual warehouse that runs the statements.")
    role: str | None = Field(default=None, description="Role to take after login; empty for the user's own.")
    user: str | None = Field(default=None, description="User to log in as, where the secret does not say it.")
    authenticator: Authenticator | None = Field(
        default=None,
        description="How the user logs in; empty to follow from what the secret has (private_key, token, password).",
    )
    workload_identity_provider: Literal["aws", "azure", "gcp", "oidc"] | None = Field(
        default=None, description="Whose identity the run has, for workload_identity; empty for aws."
    )
    host: str | None = Field(default=None, description="Host, where it does not follow from the account.")
    port: int | None = Field(default=None, description="Port, where it is not 443.", ge=1, le=65535)
    protocol: Literal["https", "http"] | None = Field(
        default=None, description="Protocol, where it is not https; http is for stand-ins on this machine."
    )

    def login(self) -> Login | None:
        """By prefect-snowflake, which knows every way in."""
        return open_session


class RedshiftConnection(ConnectionBlock):
    """A Redshift cluster or workgroup. The secret holds `user` and `password`; with `iam` AWS lends a login."""

    _block_type_name = "Tidemark Redshift Connection"
    _block_type_slug = "tidemark-redshift-connection"
    kind: ClassVar[str] = "redshift"

    host: str = Field(description="Endpoint of the cluster or workgroup, without the port.")
    port: int = Field(default=5439, description="Port of the endpoint.", ge=1, le=65535)
    database: str = Field(description="Database to work in.")
    iam_role: str | None = Field(
        default=None, description="ARN of the role with which Redshift itself reads and writes S3 (COPY, UNLOAD)."
    )
    ssl: bool = Field(default=True, description="Whether to encrypt the connection; off for stand-ins only.")
    sslmode: Literal["verify-full", "verify-ca"] | None = Field(
        default=None,
        description="verify-ca where the host is called by a name that its certificate does not have; else it has to.",
    )
    iam: bool = Field(
        default=False,
        description="Whether the run's role logs in by IAM, to a workgroup or a cluster; no secret then.",
    )
    workgroup: str | None = Field(default=None, description="Workgroup of Redshift Serverless, for a login by IAM.")
    cluster: str | None = Field(default=None, description="Identifier of the cluster, for a login by IAM.")
    db_user: str | None = Field(
        default=None, description="Database user of the cluster; empty for the one that IAM maps the role to."
    )

    @model_validator(mode="after")
    def _says_where_iam_logs_in(self) -> Self:
        if self.iam and self.secret:
            raise ValueError("a login by IAM has no secret: leave out the one or the other")
        if self.iam and bool(self.workgroup) == bool(self.cluster):
            raise ValueError("a login by IAM names either its workgroup or its cluster")
        if self.db_user and not self.cluster:
            raise ValueError("db_user is a user of a cluster; a workgroup maps the role to one")
        return self

    def credentials(self, aws: AwsSettings | None) -> Credentials | None:
        """From the secret, or lent by AWS."""
        if not self.iam:
            return super().credentials(aws)
        place = LoginPlace(self.database, self.workgroup, self.cluster, self.db_user)
        return Credentials(partial(lent_login, place, aws))


class RestConnection(ConnectionBlock):
    """A CRM's REST API with OAuth. The secret holds `client_id` and `client_secret`."""

    _block_type_name = "Tidemark REST Connection"
    _block_type_slug = "tidemark-rest-connection"
    kind: ClassVar[str] = "rest"

    base_url: str = Field(description="Address of the API, for example https://example.my.salesforce.com.")
    page_size: int | None = Field(default=None, description="Records a page, where the API lets callers choose.", ge=1)


class S3Connection(ConnectionBlock):
    """A place in S3 where files land. Access follows from the AWS settings of the environment."""

    _block_type_name = "Tidemark S3 Connection"
    _block_type_slug = "tidemark-s3-connection"
    kind: ClassVar[str] = "s3"

    uri: str = Field(description="Bucket and prefix, for example s3a://landing-bucket/drop/.")

    @field_validator("uri")
    @classmethod
    def _is_an_s3_address(cls, uri: str) -> str:
        if not uri.startswith(("s3://", "s3a://")):
            raise ValueError("must begin with s3:// or s3a://")
        return uri


class KafkaConnection(ConnectionBlock):
    """A Kafka cluster. The secret holds `username` and `password` where the cluster wants them."""

    _block_type_name = "Tidemark Kafka Connection"
    _block_type_slug = "tidemark-kafka-connection"
    kind: ClassVar[str] = "kafka"

    bootstrap_servers: str = Field(
        description="Brokers to begin with, as host:port, separated by commas.",
        pattern=r"^[^\s:,]+:\d+(,[^\s:,]+:\d+)*$",
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="SASL_SSL", description="How to connect; PLAINTEXT is for brokers on this machine."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "AWS_MSK_IAM"] | None = Field(
        default=None, description="How to log in, where the protocol is one with SASL."
    )


class FilesConnection(ConnectionBlock):
    """A folder of files that every machine of a run can read: a mounted disk, or the disk of a laptop."""

    _block_type_name = "Tidemark Files Connection"
    _block_type_slug = "tidemark-files-connection"
    kind: ClassVar[str] = "files"

    uri: str = Field(description="Path or address of the folder, for example /mnt/landing.")


BLOCKS: Mapping[str, type[ConnectionBlock]] = {
    block.kind: block
    for block in (
        SnowflakeConnection,
        RedshiftConnection,
        RestConnection,
        KafkaConnection,
        S3Connection,
        FilesConnection,
    )
}
