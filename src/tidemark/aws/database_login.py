"""Logins to Redshift that AWS lends for minutes to whoever may have them: no password is kept anywhere.

A workgroup of Redshift Serverless maps the role that asks to a database user; a cluster does so too, or lends the login
of a database user by name.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tidemark.aws.secrets import SecretMapping
from tidemark.errors import ConfigError
from tidemark.redaction import protect

if TYPE_CHECKING:
    from tidemark.aws.settings import AwsSettings

LENT_SECONDS = 900
_SPARE_SECONDS = 120.0
_lent: dict[tuple[LoginPlace, AwsSettings | None], tuple[float, SecretMapping]] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class LoginPlace:
    """Where to log in: a database of a workgroup or of a cluster; `user` is a database user of the cluster."""

    database: str
    workgroup: str | None = None
    cluster: str | None = None
    user: str | None = None

    def __str__(self) -> str:
        return f"workgroup {self.workgroup}" if self.workgroup else f"cluster {self.cluster}"

    @property
    def action(self) -> str:
        """What the role must be allowed to do."""
        if self.workgroup:
            return "redshift-serverless:GetCredentials"
        return f"redshift:GetClusterCredentials{'' if self.user else 'WithIAM'}"


def lent_login(place: LoginPlace, aws: AwsSettings | None, *, anew: bool = False) -> SecretMapping:
    """A login that holds for some minutes more, as `user` and `password`; `anew` when the present one was refused.

    Raises `ConfigError` when AWS lends none.
    """
    key = (place, aws)
    with _lock:
        known = _lent.get(key)
    if known is not None and not anew and time.monotonic() < known[0]:
        return known[1]
    user, password, expires = _asked(place, aws)
    login = SecretMapping({"user": user, "password": password}, f"lent by IAM for the {place}")
    protect(login)
    seconds = (expires - datetime.now(UTC)).total_seconds()
    with _lock:
        _lent[key] = (time.monotonic() + seconds - _SPARE_SECONDS, login)
    return login


def forget() -> None:
    """Drops the logins that are known: the next use asks for another."""
    with _lock:
        _lent.clear()


def _asked(place: LoginPlace, aws: AwsSettings | None) -> tuple[str, str, datetime]:
    from tidemark.aws.clients import AWS_FAILURES, client, refusal

    try:
        if place.workgroup:
            answer: Mapping[str, Any] = client("redshift-serverless", aws).get_credentials(
                workgroupName=place.workgroup, dbName=place.database, durationSeconds=LENT_SECONDS
            )
            return answer["dbUser"], answer["dbPassword"], answer["expiration"]
        wanted = {"ClusterIdentifier": place.cluster, "DbName": place.database, "DurationSeconds": LENT_SECONDS}
        redshift = client("redshift", aws)
        if place.user:
            answer = redshift.get_cluster_credentials(DbUser=place.user, AutoCreate=False, **wanted)
        else:
            answer = redshift.get_cluster_credentials_with_iam(**wanted)
    except AWS_FAILURES as failure:
        code = refusal(failure) or type(failure).__name__
        raise ConfigError(
            f"AWS lends no login to the database {place.database} of Redshift's {place}: {code}",
            next_step=f"check its name, and that this role is allowed {place.action} on it",
        ) from None
    return answer["DbUser"], answer["DbPassword"], answer["Expiration"]
