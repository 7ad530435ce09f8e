"""Where configuration comes from: a local folder, or a prefix on S3 that this process may take it from.

A configuration says where data comes from, where it goes, and what is computed on the way. So which prefixes may be
one is said by what started the process (`TIDEMARK_CONFIG_PREFIXES`), and by no parameter.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIXES = "TIDEMARK_CONFIG_PREFIXES"
"""The variable that lists prefixes of S3, blanks between; `s3://bucket/prefix#sha256=…` holds one to its content."""

_SCHEMES = ("s3://", "s3a://")
_PIN = re.compile(r"sha256=([0-9a-f]{64})")


def local_folder(config: str | Path) -> Path:
    """The configuration as a local folder; raises `ConfigError` when there is none.

    An `s3://bucket/prefix` is copied to a folder that lives as long as the process, so that a deployed image needs no
    rebuild for a new table. It has to be one of those that `TIDEMARK_CONFIG_PREFIXES` names, or below one; where that
    says a digest, just it, and its files just those. AWS is reached as the process's own settings say: no environment
    is known yet.
    """
    text = str(config)
    if text.startswith(_SCHEMES):
        return _mirrored(text, _pin(text))
    folder = Path(config).expanduser()
    if not folder.is_dir():
        raise ConfigError(
            f"configuration folder {folder} does not exist", next_step="name it with --config, or go to its parent"
        )
    return folder


def digest(folder: Path) -> str:
    """The SHA-256 of all files of a folder, by their names and contents, as `TIDEMARK_CONFIG_PREFIXES` takes it."""
    whole = hashlib.sha256()
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        name = path.relative_to(folder).as_posix().encode()
        whole.update(len(name).to_bytes(8, "big") + name + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _pin(uri: str) -> str | None:
    """The digest that the files at `uri` have to have, None: any. Raises `ConfigError` where it is not named."""
    named = _named()
    wanted = _place(uri)
    if wanted in named:
        return named[wanted]
    below = [place for place, pinned in named.items() if pinned is None and wanted.startswith(f"{place}/")]
    if not below:
        raise ConfigError(
            f"{uri} is no configuration that this process may take; nothing was read of it",
            seen=[f"{PREFIXES} names {' '.join(sorted(named)) or 'none'}"],
            next_step=f"set {PREFIXES} where the process is started (image, task or worker), never in a run",
        )
    return None


def _named() -> Mapping[str, str | None]:
    """The prefixes that may be taken, each with its digest."""
    found: dict[str, str | None] = {}
    for entry in os.environ.get(PREFIXES, "").split():
        place, pin, told = entry.partition("#")
        pinned = _PIN.fullmatch(told)
        if not place.startswith(_SCHEMES) or not _place(place).removeprefix("s3://") or (pin and not pinned):
            raise ConfigError(
                f"{PREFIXES} has {entry!r}",
                next_step="write s3://bucket/prefix, or s3://bucket/prefix#sha256=… (64 digits)",
            )
        found[_place(place)] = pinned[1] if pinned else None
    return found


def _place(uri: str) -> str:
    """The same prefix in one way of writing."""
    return f"s3://{uri.partition('://')[2].rstrip('/')}"


def _mirrored(uri: str, pinned: str | None) -> Path:
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
    if pinned is not None and (found := digest(folder)) != pinned:
        raise ConfigError(
            f"{uri} is not what {PREFIXES} says it is",
            seen=[f"its files have the SHA-256 {found}, and {pinned} is expected"],
            next_step="find out who changed it; what was reviewed is told by tidemark validate --json in its checkout",
        )
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
