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
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tidemark.config.files import signature
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIXES = "TIDEMARK_CONFIG_PREFIXES"
"""The variable that lists prefixes of S3, blanks between.

`s3://bucket/prefix#sha256=…` holds one to its content, `#ed25519=…` to what the owner of a key has signed.
"""

_SCHEMES = ("s3://", "s3a://")
_PIN = re.compile(r"(?P<kind>sha256|ed25519)=(?P<told>[0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """What holds a prefix: the digest of its files (`sha256`), or the public key of who signs them (`ed25519`)."""

    kind: str
    told: str


def local_folder(config: str | Path) -> Path:
    """The configuration as a local folder; raises `ConfigError` when there is none.

    An `s3://bucket/prefix` is copied to a folder that lives as long as the process, so that a deployed image needs no
    rebuild for a new table. It has to be one of those that `TIDEMARK_CONFIG_PREFIXES` names, or below one; where that
    says a digest or a key, just it, and its files just those. AWS is reached as the process's own settings say: no
    environment is known yet.
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


def digest(folder: Path, without: str | None = None) -> str:
    """The SHA-256 of all files of a folder, but for one, by their names and contents."""
    whole = hashlib.sha256()
    left_out = folder / without if without else None
    for path in sorted(each for each in folder.rglob("*") if each.is_file() and each != left_out):
        name = path.relative_to(folder).as_posix().encode()
        whole.update(len(name).to_bytes(8, "big") + name + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _pin(uri: str) -> Pin | None:
    """What the files at `uri` are held to, None: nothing. Raises `ConfigError` where it is not named."""
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


def _named() -> Mapping[str, Pin | None]:
    """The prefixes that may be taken, each with what holds it."""
    found: dict[str, Pin | None] = {}
    for entry in os.environ.get(PREFIXES, "").split():
        place, pin, told = entry.partition("#")
        pinned = _PIN.fullmatch(told)
        if not place.startswith(_SCHEMES) or not _place(place).removeprefix("s3://") or (pin and not pinned):
            raise ConfigError(
                f"{PREFIXES} has {entry!r}",
                next_step="write s3://bucket/prefix, or s3://bucket/prefix#sha256=… or #ed25519=… (64 digits)",
            )
        found[_place(place)] = Pin(pinned["kind"], pinned["told"]) if pinned else None
    return found


def _place(uri: str) -> str:
    """The same prefix in one way of writing."""
    return f"s3://{uri.partition('://')[2].rstrip('/')}"


def _mirrored(uri: str, pinned: Pin | None) -> Path:
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
    if pinned is not None:
        _refuse_changed(uri, folder, pinned)
    return folder


def _refuse_changed(uri: str, folder: Path, pinned: Pin) -> None:
    if pinned.kind == "ed25519":
        _refuse_unsigned(uri, folder, pinned.told)
    elif (found := digest(folder)) != pinned.told:
        raise ConfigError(
            f"{uri} is not what {PREFIXES} says it is",
            seen=[f"its files have the SHA-256 {found}, and {pinned.told} is expected"],
            next_step="find out who changed it; what was reviewed is told by tidemark validate --json in its checkout",
        )


def _refuse_unsigned(uri: str, folder: Path, public: str) -> None:
    signed = folder / signature.FILE
    if not signed.is_file():
        seen = f"it has no {signature.FILE}"
    elif not signature.is_signed(digest(folder, signature.FILE), signed.read_text("utf-8", "replace"), public):
        seen = f"its {signature.FILE} is not that of these files by the key {public}"
    else:
        return
    raise ConfigError(
        f"{uri} is not signed as {PREFIXES} says",
        seen=[seen],
        next_step="find out who changed it; what was reviewed is signed by tidemark config sign --key key.pem",
    )


def _keys(client: S3Client, bucket: str, prefix: str) -> Iterator[str]:
    """The files below a prefix; keys that end in a slash are only what consoles show as folders."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (entry["Key"] for entry in page.get("Contents", []) if not entry["Key"].endswith("/"))


def _inside(uri: str, relative: str) -> tuple[str, ...]:
    parts = PurePosixPath(relative).parts
    if relative.startswith("/") or ".." in parts:
        raise ConfigError(f"{uri} holds {relative}, whose name leaves the folder", next_step="remove that object")
    return parts
