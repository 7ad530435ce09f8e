"""What EMR Serverless takes in a request: labels made into tags that it accepts, parameters that are not too long.

A request that it refuses would come back as a validation error of AWS, in words that name neither label nor setting.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from tidemark.errors import ConfigError

TAGS = 50
"""So many may stand on anything in AWS, whatever the service."""

LONGEST_KEY, LONGEST_VALUE = 128, 256
LONGEST_PARAMETERS = 102_400
MOST_ARGUMENTS = 1024
LONGEST_NAME = 256

_REFUSED = re.compile(r"[^A-Za-z0-9 /_.:=+@-]")
_RESERVED = re.compile(r"^aws:", re.IGNORECASE)
_TOLD_SETTINGS = 3


def tags(labels: Mapping[str, str | None]) -> dict[str, str]:
    """Labels as tags: other characters are written as `-`, letters with marks lose them, what is too long is cut.

    Labels whose keys become the same are told apart by a number. Where there are more than AWS takes, those of Prefect
    stay, by which a job run is found.
    """
    made: dict[str, str] = {}
    for key, value in sorted(labels.items(), key=lambda label: (not label[0].startswith("prefect.io/"), label[0])):
        plain = _RESERVED.sub("aws-", _plain(key))[:LONGEST_KEY].strip()
        if value and plain and len(made) < TAGS:
            made[_free(plain, made)] = _plain(value)[:LONGEST_VALUE].strip()
    return made


def checked(parameters: str, settings: Mapping[str, str]) -> str:
    """The parameters of spark-submit; raises `ConfigError` that names the longest settings when EMR takes less."""
    if len(parameters) <= LONGEST_PARAMETERS:
        return parameters
    longest = sorted(settings, key=lambda name: len(settings[name]), reverse=True)[:_TOLD_SETTINGS]
    told = ", ".join(f"{name} ({len(settings[name]):,} characters)" for name in longest)
    raise ConfigError(
        f"the job's Spark settings and environment have {len(parameters):,} characters, EMR Serverless takes "
        f"{LONGEST_PARAMETERS:,}; the longest: {told}",
        next_step="put what is long into a file of the configuration folder, or a secret, and name that",
    )


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    without_marks = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return _REFUSED.sub("-", without_marks)


def _free(key: str, taken: Mapping[str, str]) -> str:
    number, free = 1, key
    while free in taken:
        number += 1
        free = f"{key[: LONGEST_KEY - len(str(number)) - 1]}-{number}"
    return free
