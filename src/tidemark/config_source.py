"""Where configuration comes from: a local folder, or a prefix on S3 that is mirrored to a temporary folder."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path, PurePosixPath

from tidemark.errors import ConfigError

_SCHEMES = ("s3://", "s3a://")


def local_folder(config: str | Path) -> Path:
    """The configuration as a local folder; raises `ConfigError` when there is none.

    An `s3://bucket/prefix` is copied to a folder that lives as long as the process, so that a deployed image needs no
    rebuild for a new table.
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
    from tidemark.aws import s3_client

    bucket, _, prefix = uri.partition("://")[2].partition("/")
    prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    folder = Path(tempfile.mkdtemp(prefix="tidemark-config-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    client = s3_client(None)
    copied = 0
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            relative = PurePosixPath(entry["Key"].removeprefix(prefix))
            if entry["Key"].endswith("/"):
                continue
            if relative.is_absolute() or ".." in relative.parts:
                raise ConfigError(f"{uri} holds {entry['Key']}, whose name leaves the folder")
            target = folder.joinpath(*relative.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(bucket, entry["Key"], str(target))
            copied += 1
    if not copied:
        raise ConfigError(f"{uri} holds no files", next_step="check bucket and prefix of --config")
    return folder
