"""Is this machine able to run: each thing a run needs, what was found, and how to mend it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tidemark.errors import ConfigError, TidemarkError

if TYPE_CHECKING:
    from tidemark.config.environment import Environment

PYTHONS = ((3, 11), (3, 12), (3, 13))
LEAST_FREE_BYTES = 5 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `fix` says what to do when it is not `ok`."""

    name: str
    ok: bool
    seen: str
    fix: str | None = None


def examine(environment: Environment) -> Iterator[Finding]:
    """Looks at everything a run in this environment needs, one thing after the other."""
    yield _python()
    yield from (_looked_at(name, look) for name, look in (("java", _java), ("jars", _jars)))
    yield _disk(environment)
    yield _prefect(environment)
    if environment.aws is not None:
        yield _looked_at("aws", partial(_aws, environment), fix="locally: tidemark sandbox up; else check aws: in env")
    yield _looked_at("delta log", partial(_log_store, environment), fix="docs/logs-on-s3.md says what a store must do")
    for connection, spec in environment.connections.items():
        if spec.secret:
            yield _looked_at(f"secret of {connection}", partial(_secret, environment, spec.secret))
    yield _looked_at("state store", partial(_state, environment))


def _looked_at(name: str, look: Callable[[], str], fix: str | None = None) -> Finding:
    try:
        return Finding(name, True, look())
    except TidemarkError as error:
        return Finding(name, False, error.summary, error.next_step or fix)
    except Exception as error:  # whatever a client library raises is a finding here, not a failure
        return Finding(name, False, f"{type(error).__name__}: {error}", fix)


def _python() -> Finding:
    seen = f"{platform.python_version()} at {sys.executable}"
    wanted = ", ".join(".".join(map(str, version)) for version in PYTHONS)
    return Finding("python", sys.version_info[:2] in PYTHONS, seen, f"use a Python of {wanted}: make setup")


def _java() -> str:
    from tidemark.spark.java import find_java

    java = find_java()
    return f"{java.version} at {java.path} (from {java.origin})"


def _jars() -> str:
    from tidemark.spark.jars import changed_jars_of_spark, jar_folder, missing_jars, verify

    missing = missing_jars()
    if missing:
        names = ", ".join(missing)
        raise ConfigError(
            f"{len(missing)} missing in {jar_folder()}: {names}", next_step="python -m tidemark.spark.jars"
        )
    verify(jar_folder())
    changed = changed_jars_of_spark()
    if changed:
        raise ConfigError(
            f"{len(changed)} of Spark's own jars are not those that were installed: {', '.join(changed[:5])}",
            next_step="find out who changed them, then install the packages anew: make setup",
        )
    return f"complete in {jar_folder()}, each as it is locked; Spark's own as they were installed"


def _disk(environment: Environment) -> Finding:
    folder = Path(environment.home).absolute() if "://" not in environment.home else Path.cwd()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    seen = f"{free / 1024**3:.1f} GiB free for {folder}"
    enough = free >= LEAST_FREE_BYTES and os.access(there, os.W_OK)
    return Finding("disk", enough, seen, f"make room, at least {LEAST_FREE_BYTES // 1024**3} GiB, in a writable folder")


def _prefect(environment: Environment) -> Finding:
    from cli.console.prefect_api import API_KEY, API_URL, AUTH_STRING, lets_nobody_in, unreachable

    url = os.environ.get(API_URL) or (environment.prefect.api_url if environment.prefect else None)
    if url is None:
        return Finding("prefect", False, "no server is named", f"set {API_URL}, or prefect.api_url in the environment")
    problem = unreachable(url)
    if problem is None and lets_nobody_in(url):
        return Finding("prefect", False, f"{url} lets nobody in without a login", f"set {AUTH_STRING} or {API_KEY}")
    seen = f"{url} does not answer: {problem}" if problem else url
    return Finding("prefect", problem is None, seen, "tidemark sandbox up or tidemark prefect start starts a local one")


def _aws(environment: Environment) -> str:
    from tidemark.aws.clients import client

    identity = client("sts", environment.aws).get_caller_identity()
    endpoint = environment.aws.endpoint_url if environment.aws else None
    return f"{identity['Arn']}{f' at {endpoint}' if endpoint else ''}"


def _log_store(environment: Environment) -> str:
    """What puts entries into the logs of tables; where it is ours, the bucket shows that it keeps to the condition."""
    from tidemark.aws.clients import honours_conditions
    from tidemark.spark import logstore

    lake = environment.roots.lake
    scheme = lake.partition("://")[0] if "://" in lake else "file"
    setting = f"spark.delta.logStore.{scheme}.impl"
    used = environment.compute.conf.get(setting) or logstore.SETTINGS.get(setting)
    if used is None:
        return f"Delta's own store for {scheme}: one machine's processes at a time"
    if used == logstore.CLASS and not honours_conditions(environment.aws, f"{lake}/{logstore.PROBE}"):
        raise ConfigError(
            f"{lake} ignores the condition If-None-Match of a put: two writers would both be told that they committed",
            next_step=f"use a store that honours it, or a log store that locks: compute: {{conf: {{{setting}: …}}}}",
        )
    return f"{used} for {lake}"


def _secret(environment: Environment, name: str) -> str:
    from tidemark.aws.secrets import fetch

    return f"{name} has {', '.join(sorted(fetch(name, environment.secrets, environment.aws)))}"


def _state(environment: Environment) -> str:
    from tidemark.control.state import state_there

    noted = len(state_there(environment).list("table"))
    return f"{environment.state.kind} {environment.state.location}: {noted} tables"
