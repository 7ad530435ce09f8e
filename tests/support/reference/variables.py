"""The page of environment variables: those that Tidemark reads, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Variable(NamedTuple):
    """What a variable says, and what holds without it."""

    meaning: str
    without: str


VARIABLES: Mapping[str, Variable] = {
    "TIDEMARK_ENV": Variable("The environment, where a command has no `--env`.", "`local`"),
    "TIDEMARK_CONFIG": Variable("The configuration, where a command has no `--config`.", "`config`"),
    "TIDEMARK_CONFIG_PREFIXES": Variable(
        "The prefixes of S3 that may be the configuration, with blanks between, and all below them: set it in the "
        "image, the task or the worker. `s3://bucket/prefix#sha256=…` takes just that prefix, with just these files, "
        "`#ed25519=…` with what that key has signed (`tidemark config sign`).",
        "a configuration on S3 is refused",
    ),
    "TIDEMARK_APPROVAL_KEY": Variable("The key by which `tidemark approve` signs.", "nothing can be signed"),
    "TIDEMARK_HOME": Variable("Where the shipped `local` environment keeps everything.", "`.tidemark`"),
    "TIDEMARK_JARS": Variable("A folder that holds the jars already, or is to hold them.", "a cache of the user"),
    "TIDEMARK_COMMIT": Variable("The commit that an image was built from.", "what Git says of the checkout"),
    "TIDEMARK_LOGS": Variable(
        "How the console is logged to: `human`, or `json` for an object a line.", "`logs` of the environment"
    ),
    "TIDEMARK_SIZE": Variable(
        "The size of container that a run is in, by which its cost is estimated; deployments set it.",
        "no cost is estimated",
    ),
    "TIDEMARK_SECRET_<NAME>": Variable(
        "A secret, where `secrets: env` is asked: JSON, under the secret's name in capitals, with `_` for what is "
        "neither letter nor digit.",
        "the secret is looked for in the next place",
    ),
    "TIDEMARK_ENVIRONMENT_SECRETS": Variable(
        "On EMR, the secrets that become variables before anything else starts; the work pool sets it.", "none"
    ),
    "PREFECT_API_URL": Variable("The Prefect server, whatever the environment's file says.", "`prefect.api_url`"),
    "JAVA_HOME": Variable("The Java that Spark runs on.", "one on the path, else the one that came along"),
    "SPARK_HOME": Variable("The Spark that is started.", "that of the package `pyspark`"),
    "PYTHONHASHSEED": Variable("The hash seed of Spark's Python.", "`0`"),
    "XDG_CACHE_HOME": Variable("Where jars are kept.", "`~/.cache`"),
    "AWS_REGION": Variable("The region of EMR, where neither block nor environment says it.", "`AWS_DEFAULT_REGION`"),
    "AWS_DEFAULT_REGION": Variable("The same.", "none"),
}
"""Variables that the code reads by name. An environment's file may name any others."""


def page() -> str:
    rows = [f"| `{name}` | {each.meaning} | {each.without} |" for name, each in VARIABLES.items()]
    return "\n".join(
        (
            "# Environment variables",
            "",
            "An environment's file may name any variable as `${NAME}`. These are read by Tidemark itself; the clients "
            "of AWS, Prefect and Spark have their own.",
            "",
            "| variable | means | without it |",
            "|---|---|---|",
            *rows,
            "",
        )
    )
