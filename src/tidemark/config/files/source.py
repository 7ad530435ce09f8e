"""Where configuration comes from: a local folder, or a prefix on S3 that is mirrored to a temporary folder."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SCHEMES = ("s3://", "s3a://")


def local_folder(config: str | Path) -> Path:
    """The configuration as a local folder; raises `ConfigError` when there is none.

    An `s3://bucket/prefix` is copied to a folder that lives as long as the process, so that a deployed image needs no
    rebuild for a new table. AWS is reached as the process's own settings say: no environment is known yet.
    """
    text = str(config)
    if text.startswith(_SCHEMES):
        return _mirrored(text)
    folder = Path(config).expanduser()
    if not folder.is_dir():
        raise ConfigError(
            f"configuration folder {folder} does not exist", next_step="name it with --config, or go to its parent"
        )
    return folder


def _mirrored(uri: str) -> Path:
    from tidemark.aws.clients import AWS_FAILURES, s3_client

    bucket, _, path = uri.partition("://")[2].partition("/")
    prefix = f"{path.strip('/')}/" if path.strip("/") else ""
    folder = Path(tempfile.mkdtemp(prefix="tidemark-config-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        client = s3_client(None)
        keys = list(_keys(client, bucket, prefix))
        for key in keys:
            target = folder.joinpath(*_inside(uri, key.removeprefix(prefix)))
            target.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(bucket, key, str(target))
    except AWS_FAILURES as failure:
        code = getattr(failure, "response", {}).get("Error", {}).get("Code") or failure
        advice = "check --config, the machine's AWS credentials and region, and the role's rights"
        raise ConfigError(f"{uri} cannot be read: {code}", next_step=advice) from None
    if not keys:
        raise ConfigError(f"{uri} holds no files", next_step="check bucket and prefix of --config")
    return folder


def _keys(client: S3Client, bucket: str, prefix: str) -> Iterator[str]:
    """The files below a prefix; keys that end in a slash are only what consoles show as folders."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (entry["Key"] for entry in page.get("Contents", []) if not entry["Key"].endswith("/"))


def _inside(uri: str, relative: str) -> tuple[str, ...]:
    parts = PurePosixPath(relative).parts
    if relative.startswith("/") or ".." in parts:
        raise ConfigError(f"{uri} holds {relative}, whose name leaves the folder", next_step="remove that object")
    return parts
