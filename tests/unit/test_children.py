"""A child gets the variables that it needs, and none for being there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from tidemark.children import MORE_FOR_JAVA, Child, variables_for

ROOT = Path(__file__).parents[2]
CODE = ("src/tidemark", "blocks", "tasks", "flows", "cli")
CHILDREN: tuple[Child, ...] = get_args(Child)

NOBODYS = (
    "CANARY",
    "TIDEMARK_SECRET_TIDEMARK_PROD_CRM",
    "tidemark_secret_lower",
    "TIDEMARK_APPROVAL_KEY",
    "TIDEMARK_ENVIRONMENT_SECRETS",
    "SNOWFLAKE_PASSWORD",
    "PGPASSWORD",
    "GITHUB_TOKEN",
    "SLACK_WEBHOOK",
    "DATABASE_URL",
    "GIT_TOKEN",
    "PYTHON_KEYRING_PASSWORD",
    "AWS_SECRET_KEY_OF_SOMEBODY",
)
PREFECTS = ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_SERVER_API_AUTH_STRING", "PREFECT_HOME")
NEEDED: dict[Child, tuple[str, ...]] = {
    "spark": (
        "PATH",
        "HOME",
        "LC_ALL",
        "TZ",
        "TMPDIR",
        "JAVA_HOME",
        "JAVA_TOOL_OPTIONS",
        "SPARK_LOCAL_IP",
        "SPARK_CONF_DIR",
        "PYSPARK_PYTHON",
        "PYTHONPATH",
        "HADOOP_CONF_DIR",
        "HADOOP_TOKEN_FILE_LOCATION",
        "https_proxy",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "LD_LIBRARY_PATH",
        "MALLOC_ARENA_MAX",
        "AWS_REGION",
        "AWS_ENDPOINT_URL_S3",
        "AWS_PROFILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_EC2_METADATA_DISABLED",
    ),
    "java": ("PATH", "JAVA_HOME", "PYTHONPATH", "HTTPS_PROXY", "DEFAULT_ARTIFACT_REPOSITORY", MORE_FOR_JAVA),
    "git": ("PATH", "HOME", "GIT_DIR", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0", "SSH_AUTH_SOCK", "XDG_CONFIG_HOME"),
    "prefect server": ("PATH", "HOME", "PYTHONPATH", "SSL_CERT_FILE", *PREFECTS),
    "prefect deploy": ("PATH", "HOME", "PYTHONPATH", "GIT_DIR", "TIDEMARK_CONFIG", "TIDEMARK_COMMIT", *PREFECTS),
}
NOT_OF_JAVA = (*PREFECTS, "SPARK_MY_PASSWORD", "HADOOP_CREDSTORE_PASSWORD", "_SPARK_AUTH_SECRET", "SSH_AUTH_SOCK")
NO_AWS: tuple[Child, ...] = ("java", "git", "prefect server", "prefect deploy")


@pytest.mark.parametrize("child", CHILDREN)
def test_a_child_gets_what_it_needs(child: Child) -> None:
    given = dict.fromkeys(NEEDED[child], "x")
    assert variables_for(child, given) == given


@pytest.mark.parametrize("child", CHILDREN)
def test_nobody_gets_what_is_merely_there(child: Child) -> None:
    assert variables_for(child, dict.fromkeys(NOBODYS, "c4nary")) == {}


def test_no_java_gets_a_way_into_prefect_nor_a_secret_of_its_own_family() -> None:
    given = dict.fromkeys(NOT_OF_JAVA, "c4nary")
    assert [variables_for(child, given) for child in ("spark", "java")] == [{}, {}]


@pytest.mark.parametrize("child", NO_AWS)
def test_who_reads_no_s3_has_no_keys_of_aws(child: Child) -> None:
    assert variables_for(child, {"AWS_SECRET_ACCESS_KEY": "c4nary", "AWS_PROFILE": "prod", "AWS_ROLE_ARN": "x"}) == {}


def test_an_operator_names_what_java_gets_besides() -> None:
    given = {"ONE": "1", "HADOOP_CREDSTORE_PASSWORD": "2", "three": "3", "THREE": "4", MORE_FOR_JAVA: "ONE, three"}
    assert variables_for("java", given) == {"ONE": "1", "three": "3", MORE_FOR_JAVA: "ONE, three"}
    assert variables_for("prefect server", given) == {}
    named = given | {MORE_FOR_JAVA: "HADOOP_CREDSTORE_PASSWORD"}
    assert "HADOOP_CREDSTORE_PASSWORD" in variables_for("spark", named)


def test_a_document_names_what_it_is_filled_with() -> None:
    assert variables_for("prefect deploy", {"IMAGE": "a", "OTHER": "b"}, more=["IMAGE"]) == {"IMAGE": "a"}


def test_every_child_that_is_started_gets_no_more() -> None:
    """By the text: each call that starts a process says what it gets, by the one function."""
    started = [call for folder in CODE for path in sorted((ROOT / folder).rglob("*.py")) for call in _started(path)]
    assert len(started) >= 10
    assert [place for place, given in started if "variables_for(" not in given or "os.environ" in given] == []


def _started(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and called.startswith(("subprocess.", "os.spawn", "os.exec", "os.popen")):
            given = [ast.unparse(each.value) for each in node.keywords if each.arg == "env"]
            yield f"{path.relative_to(ROOT)}:{node.lineno}", " ".join(given)
