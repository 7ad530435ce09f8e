"""Which variables of this process a child of it gets: those that it needs, by name or by family, and no others.

A secret is in the environment for whoever reads it there by its name. A child that does not could still show it: a JVM
to a query, a server to its pages, either to a log or a dump. So nothing is handed on for being there.

What Java gets is what Spark 4.1, Hadoop and the AWS SDK for Java 2 look for (their launchers, `System.getenv` and
`SdkSystemSetting`). More than that `TIDEMARK_JAVA_VARIABLES` names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

MORE_FOR_JAVA = "TIDEMARK_JAVA_VARIABLES"
"""Names of further variables that JVMs get, by commas or blanks, whatever they are called."""

Child = Literal["spark", "java", "git", "prefect server", "prefect deploy"]
"""`spark` is the JVM of a session, which reads S3; `java` runs Java, or a Python that starts one, and reads none."""

_SECRET_WORDS = (
    "PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL",
    "API_KEY", "APIKEY", "ACCESS_KEY", "PRIVATE_KEY", "ENCRYPTION_KEY", "AUTH_STRING",
)  # fmt: skip


@dataclass(frozen=True)
class _Needs:
    """What a child is given: names, and families (`SPARK_*`) of which it gets nothing that is called a secret."""

    names: tuple[str, ...] = ()
    families: tuple[str, ...] = ()

    def __or__(self, other: _Needs) -> _Needs:
        return _Needs(self.names + other.names, self.families + other.families)

    def have(self, name: str) -> bool:
        if any(fnmatchcase(name, each) for each in self.names):
            return True
        is_secret = any(word in name for word in _SECRET_WORDS)
        return not is_secret and any(fnmatchcase(name, each) for each in self.families)


_ANYTHING = _Needs(
    (
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_*", "TZ", "TZDIR", "TMP", "TEMP", "TMPDIR",
        "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "GLIBC_TUNABLES",
        "NSS_WRAPPER_PASSWD", "NSS_WRAPPER_GROUP",  # files: who a user is whom the image does not know
        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    ),
    ("MALLOC_*",),
)  # fmt: skip
_PYTHON = _Needs(("VIRTUAL_ENV",), ("PYTHON*",))
_JAVA = _PYTHON | _Needs(
    (
        "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "DEFAULT_ARTIFACT_REPOSITORY", "LOCAL_DIRS",
        "HADOOP_TOKEN_FILE_LOCATION", "KRB5CCNAME", "KRB5_CONFIG",
        "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "KUBECONFIG", MORE_FOR_JAVA,
    ),
    ("JAVA_*", "SPARK_*", "PYSPARK_*", "HADOOP_*", "YARN_*"),
)  # fmt: skip
_AWS = _Needs(
    (
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCOUNT_ID",
        "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_CONTAINER_SERVICE_ENDPOINT",
        "AWS_METADATA_SERVICE_TIMEOUT", "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
        "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_ACCOUNT_ID_ENDPOINT_MODE",
        "AWS_DEFAULTS_MODE", "AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS", "AWS_EXECUTION_ENV", "AWS_SDK_UA_APP_ID",
        "AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION",
    ),
    ("AWS_ENDPOINT_URL*", "AWS_EC2_METADATA_*", "AWS_S3_*", "AWS_USE_*"),
)  # fmt: skip
_GIT = _Needs(("SSH_AUTH_SOCK", "SUDO_UID", "XDG_CONFIG_HOME"), ("GIT_*",))
_PREFECT = _PYTHON | _Needs(("PREFECT_*", "DO_NOT_TRACK", "PGPASSFILE", "PGSSL*"))
# It loads the flows, and asks which commit they are of.
_DEPLOYS = _GIT | _Needs(
    ("TIDEMARK_CONFIG", "TIDEMARK_COMMIT", "TIDEMARK_LOGS", "TERM", "COLORTERM", "NO_COLOR", "COLUMNS", "CI")
)

_NEEDS: Mapping[Child, _Needs] = {
    "spark": _ANYTHING | _JAVA | _AWS,
    "java": _ANYTHING | _JAVA,
    "git": _ANYTHING | _GIT,
    "prefect server": _ANYTHING | _PREFECT,
    "prefect deploy": _ANYTHING | _PREFECT | _DEPLOYS,
}


def variables_for(child: Child, given: Mapping[str, str] = os.environ, more: Iterable[str] = ()) -> dict[str, str]:
    """Of the variables of this process those that a child of it may have; `more` are further names."""
    needs, named = _NEEDS[child], set(more)
    if child in ("spark", "java"):
        named.update(re.split(r"[,\s]+", given.get(MORE_FOR_JAVA, "")))
    return {name: value for name, value in given.items() if name in named or needs.have(name.upper())}
