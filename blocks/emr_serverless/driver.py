"""The program of a driver on EMR Serverless: fetches the secrets that its environment names, and becomes the flow run.

spark-submit starts it beside the driver's JVM, and tells it in its environment how to reach that. It turns into
`prefect flow-run execute`, whose flow inherits the environment: the session that the flow builds is the driver's. The
job ends with the flow run, whose states and cancellation are Prefect's own as on any other machine.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Mapping

SECRETS_VARIABLE = "TIDEMARK_ENVIRONMENT_SECRETS"
"""`VARIABLE=name-of-its-secret`, separated by commas."""


def references(text: str) -> dict[str, str]:
    """Variables by the names of their secrets; raises `ValueError` for what is not written so."""
    found: dict[str, str] = {}
    for entry in filter(None, text.split(",")):
        variable, equals, name = entry.partition("=")
        if not (variable and equals and name):
            raise ValueError(f"{SECRETS_VARIABLE}: {entry} is not VARIABLE=name-of-a-secret")
        found[variable] = name
    return found


def fetched(environment: Mapping[str, str]) -> dict[str, str]:
    """The values of the secrets that the environment names, read with the role of the job."""
    wanted = references(environment.get(SECRETS_VARIABLE, ""))
    if not wanted:
        return {}
    from tidemark.aws.clients import secret_value

    return {variable: secret_value(None, name) for variable, name in wanted.items()}


def main(arguments: list[str]) -> None:
    """Runs Prefect's command with these arguments in this process, which ends with it."""
    os.environ.update(fetched(os.environ))
    sys.argv = ["prefect", *arguments]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
