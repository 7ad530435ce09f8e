"""Everything that reaches AWS: clients, secrets, the S3 file system of the driver, and the S3A settings of Spark."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, SSLError
from botocore.exceptions import ConnectionError as NoConnectionError

from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient

    from tidemark.aws.settings import AwsSettings

_CONNECT_SECONDS = 10
_READ_SECONDS = 60
_ATTEMPTS = 6
_SERVER_ERRORS = 500
_BUSY = ("RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded")
_CREDENTIALS_FILE = "credentials_file"
_making_a_filesystem = threading.Lock()
_PROFILE_CHAIN = "software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider"
_DEFAULT_CHAIN = "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"


AWS_FAILURES = (BotoCoreError, ClientError)
"""What `filesystem` raises beside the `OSError` of a missing or forbidden object."""


class AwsError(ConfigError):
    """AWS refused or could not be reached; `code` is its own name for why (`ResourceNotFoundException`)."""

    def __init__(self, summary: str, code: str) -> None:
        super().__init__(summary)
        self.code = code


def refusal(failure: BaseException) -> str | None:
    """AWS's own name for why it refused a request; None for any other failure."""
    return str(failure.response["Error"]["Code"]) if isinstance(failure, ClientError) else None


def passes(failure: BaseException) -> bool:
    """Whether AWS may do the same a moment later: it could not be reached, or was too busy."""
    known = failure.__cause__ if isinstance(failure.__cause__, AWS_FAILURES) else failure
    if isinstance(known, ClientError):
        status = int(known.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return status >= _SERVER_ERRORS or known.response["Error"]["Code"] in _BUSY
    if isinstance(known, HTTPClientError | NoConnectionError):
        return not isinstance(known, SSLError)
    return isinstance(known, TimeoutError | ConnectionError) or getattr(known, "errno", None) == errno.EBUSY


def session(aws: AwsSettings | None) -> boto3.Session:
    """A session with the region, profile and credentials file of the environment; None: as the process's own say.

    Raises `ConfigError` where the profile is not there.
    """
    if aws is None:
        return boto3.Session()
    core = botocore.session.Session(profile=aws.profile)
    if aws.credentials_file:
        core.set_config_variable(_CREDENTIALS_FILE, aws.credentials_file)
    if aws.profile and aws.profile not in core.available_profiles:
        where = aws.credentials_file or "AWS's own files"
        raise ConfigError(
            f"there is no AWS profile {aws.profile} in {where}",
            next_step=f"aws configure --profile {aws.profile}; the sandbox makes its own: tidemark sandbox up",
        )
    return boto3.Session(botocore_session=core, region_name=aws.region)


@lru_cache(maxsize=64)
def client(service: str, aws: AwsSettings | None) -> Any:
    """The client of a service, with short timeouts and standard retries; threads may share it."""
    create: Any = session(aws).client
    return create(service, endpoint_url=aws.endpoint_url if aws else None, config=Config(**client_settings(aws)))


def s3_client(aws: AwsSettings | None) -> S3Client:
    """The S3 client."""
    return cast("S3Client", client("s3", aws))


def sns_client(aws: AwsSettings | None) -> SNSClient:
    """The SNS client."""
    return cast("SNSClient", client("sns", aws))


def dynamodb_table(aws: AwsSettings | None, name: str) -> Table:
    """A DynamoDB table by its name; it is not looked up before it is used."""
    resource: Any = session(aws).resource
    endpoint = aws.endpoint_url if aws else None
    return cast("Table", resource("dynamodb", endpoint_url=endpoint, config=Config(**client_settings(aws))).Table(name))


def secret_value(aws: AwsSettings | None, name: str) -> str:
    """The text of a secret in Secrets Manager; raises `AwsError` when it is not there or may not be read."""

    def ask() -> str | bytes:
        answer = client("secretsmanager", aws).get_secret_value(SecretId=name)
        found: str | bytes = answer.get("SecretString", answer.get("SecretBinary", b""))
        return found

    return secret_text(name, ask)


def secret_text(name: str, ask: Callable[[], str | bytes]) -> str:
    """What Secrets Manager answers to `ask`, as text: who writes a secret through Prefect's block writes bytes.

    Raises `AwsError` where it refuses or cannot be reached, and for what is no text.
    """
    try:
        found = ask()
    except ClientError as refused:
        code = refused.response["Error"]["Code"]
        raise AwsError(f"Secrets Manager gave no secret {name}: {code}", code) from None
    except BotoCoreError as failure:
        raise AwsError(f"Secrets Manager could not be asked for {name}: {failure}", type(failure).__name__) from None
    try:
        return found if isinstance(found, str) else found.decode("utf-8")
    except UnicodeDecodeError:
        raise AwsError(f"the secret {name} is binary, not text", "BinarySecret") from None


def parameter_value(aws: AwsSettings | None, name: str) -> str:
    """The text of a SecureString in Parameter Store; raises `AwsError` when it is not there or may not be read."""
    try:
        answer = client("ssm", aws).get_parameter(Name=name, WithDecryption=True)["Parameter"]
    except ClientError as refused:
        code = refused.response["Error"]["Code"]
        raise AwsError(f"Parameter Store gave no parameter {name}: {code}", code) from None
    except BotoCoreError as failure:
        raise AwsError(f"Parameter Store could not be asked for {name}: {failure}", type(failure).__name__) from None
    if answer["Type"] != "SecureString":
        raise AwsError(f"the parameter {name} is a {answer['Type']}, no SecureString", "NotSecureString")
    return str(answer["Value"])


def filesystem(aws: AwsSettings | None) -> AbstractFileSystem:
    """S3 for the driver (`s3://` and `s3a://` paths): lists, heads of files, small files; threads may share it.

    What S3 says is not cached. The client behind it is: making one takes half a second, and fsspec's own cache makes
    one for every thread.
    """
    with _making_a_filesystem:
        return _filesystem(aws)


@lru_cache(maxsize=16)
def _filesystem(aws: AwsSettings | None) -> AbstractFileSystem:
    from aiobotocore.session import AioSession
    from s3fs import S3FileSystem

    core = AioSession(profile=aws.profile if aws else None)
    if aws and aws.credentials_file:
        core.set_config_variable(_CREDENTIALS_FILE, aws.credentials_file)
    place = {"region_name": aws.region, "endpoint_url": aws.endpoint_url} if aws else {}
    return S3FileSystem(
        session=core,
        client_kwargs={name: value for name, value in place.items() if value},
        config_kwargs=client_settings(aws),
        use_listings_cache=False,
        skip_instance_cache=True,
    )


def honours_conditions(aws: AwsSettings | None, probe: str) -> bool:
    """Whether a put of an object that is there is refused when it asks for that; the object at `probe` stays there."""
    bucket, _, key = probe.partition("://")[2].partition("/")
    s3 = s3_client(aws)
    for _ in range(2):
        try:
            s3.put_object(Bucket=bucket, Key=key, Body=b"", IfNoneMatch="*")
        except ClientError as refused:
            if refused.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == HTTPStatus.PRECONDITION_FAILED:
                return True
            raise
    return False


def spark_conf(aws: AwsSettings | None) -> dict[str, str]:
    """The S3A settings of a Spark session that is about to start; no credential is among them.

    The JVM looks for profile and credentials file in its environment, which it inherits from this process when it
    starts: they are put there. Without settings everything is left to the platform (EMR and ECS bring their own).
    """
    if aws is None:
        return {}
    share_credentials(aws)
    conf = {
        "aws.credentials.provider": _PROFILE_CHAIN if aws.profile else _DEFAULT_CHAIN,
        "endpoint.region": aws.region,
        "ssl.channel.mode": "default_jsse",  # the other modes want the native OpenSSL bridge on the class path
        "connection.establish.timeout": str(_CONNECT_SECONDS * 1000),
        "connection.timeout": str(_READ_SECONDS * 1000),
        "attempts.maximum": str(_ATTEMPTS),
    }
    if aws.endpoint_url:
        conf |= {
            "endpoint": aws.endpoint_url,
            "path.style.access": "true",
            "connection.ssl.enabled": str(aws.endpoint_url.startswith("https")).lower(),
        }
    return {f"spark.hadoop.fs.s3a.{name}": value for name, value in conf.items()}


def object_store_options(aws: AwsSettings | None) -> dict[str, str]:
    """What delta-rs needs to read from S3: the credentials that this process has now, and where S3 is.

    It looks for none in profiles. Raises `ConfigError` where there are none.
    """
    found = session(aws)
    credentials = found.get_credentials()
    if credentials is None:
        raise ConfigError(
            "there are no AWS credentials to read the lake with",
            next_step="log in (aws sso login), or name a profile in the environment's file",
        )
    frozen = credentials.get_frozen_credentials()
    options = {
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
        "AWS_SESSION_TOKEN": frozen.token,
        "AWS_REGION": found.region_name,
        "AWS_ENDPOINT_URL": aws.endpoint_url if aws else None,
    }
    if aws and aws.endpoint_url:
        options |= {
            "AWS_ALLOW_HTTP": str(aws.endpoint_url.startswith("http:")).lower(),
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
        }
    return {name: value for name, value in options.items() if value}


def s3_uri(uri: str) -> str:
    """The address as AWS services write it (`s3://`), where Spark says `s3a://`."""
    return "s3://" + uri.removeprefix("s3a://") if uri.startswith("s3a://") else uri


def share_credentials(aws: AwsSettings) -> None:
    """Lets what takes its credentials from this process's environment find those of the environment's file."""
    places = {"AWS_PROFILE": aws.profile, "AWS_SHARED_CREDENTIALS_FILE": aws.credentials_file}
    os.environ.update({name: value for name, value in places.items() if value})


def client_settings(aws: AwsSettings | None) -> dict[str, Any]:
    """Time-outs and retries of a client, as botocore's `Config` takes them."""
    settings: dict[str, Any] = {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "retries": {"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        "max_pool_connections": 32,
    }
    if aws and aws.endpoint_url:
        settings["s3"] = {"addressing_style": "path"}
    return settings
