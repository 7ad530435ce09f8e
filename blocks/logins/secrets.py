"""The secrets of connections as prefect-aws' blocks: where each one is, and with which role it is read.

`AwsCredentials` say how AWS is reached (region, on a laptop a profile and the stand-in's address), `AwsSecret` which
secret of Secrets Manager is read. Neither holds a key: runs have the role of their task or job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from prefect.blocks.core import Block
from prefect.exceptions import ObjectNotFound

from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from prefect_aws import AwsCredentials, AwsSecret

    from tidemark.aws.settings import AwsSettings

KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


def aws_credentials(aws: AwsSettings | None) -> AwsCredentials:
    """How AWS is reached, as the environment's file says it."""
    from prefect_aws import AwsClientParameters, AwsCredentials

    from tidemark.aws.clients import client_settings

    if aws is None:
        return AwsCredentials()
    parameters = AwsClientParameters(endpoint_url=aws.endpoint_url, config=client_settings(aws))
    return AwsCredentials(region_name=aws.region, profile_name=aws.profile, aws_client_parameters=parameters)


def aws_secret(credentials: AwsCredentials, name: str) -> AwsSecret:
    """The secret called `name` in Secrets Manager."""
    from prefect_aws import AwsSecret

    return AwsSecret(aws_credentials=credentials, secret_name=name)


def read_text(block: str, name: str, aws: AwsSettings | None) -> str:
    """The text of the secret called `name`, through the `AwsSecret` that is saved as `block`.

    AWS is reached as the run's own environment says it: the same connections are used by jobs that have a role, and
    from a laptop that has a profile. Raises `ConfigError` when there is no such block, when it is of another secret or
    region, or holds keys; and `AwsError` when Secrets Manager does not give the secret.
    """
    from tidemark.aws.clients import secret_text, share_credentials

    _check(block, _stored(block), name, aws)
    if aws is not None:
        share_credentials(aws)
    secret = aws_secret(aws_credentials(aws), name)
    return secret_text(name, lambda: cast("str | bytes", secret.read_secret(_sync=True)))


def _check(block: str, secret: AwsSecret, name: str, aws: AwsSettings | None) -> None:
    credentials, register = secret.aws_credentials, "tidemark blocks register, with --env of this environment"
    if secret.secret_name != name:
        raise ConfigError(
            f"the Prefect block aws-secret/{block} is of the secret {secret.secret_name}, the environment's file says "
            f"{name}",
            next_step=register,
        )
    if aws is not None and credentials.region_name != aws.region:
        raise ConfigError(
            f"the Prefect block aws-secret/{block} is of the region {credentials.region_name}, the environment's file "
            f"says {aws.region}",
            next_step=register,
        )
    if any(getattr(credentials, key) for key in KEYS):
        raise ConfigError(
            f"the credentials of the Prefect block aws-secret/{block} hold keys, which lie in Prefect's database",
            next_step="delete them in AWS, and let the run have a role: tidemark blocks register writes the block anew",
        )


def _stored(block: str) -> AwsSecret:
    from prefect_aws import AwsSecret

    try:
        return cast("AwsSecret", _loaded(AwsSecret, block))
    except ValueError as failure:
        if not isinstance(failure.__cause__, ObjectNotFound):
            raise
        raise ConfigError(
            f"the Prefect block aws-secret/{block} is not registered",
            next_step="tidemark blocks register, with --env of this environment",
        ) from None


def _loaded(kind: type[Block], name: str) -> Block:
    return cast("Block", kind.load(name))
