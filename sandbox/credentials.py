"""Who may log in where. These open stand-ins on this machine and nothing else, so they may be read by anyone."""

from __future__ import annotations

from typing import NamedTuple


class Login(NamedTuple):
    """A user (or client id) and the password (or client secret) that goes with it."""

    user: str
    password: str


SNOWFLAKE = Login("TIDEMARK_LOADER", "sandbox-snowflake-Vq7pX2")
REDSHIFT = Login("tidemark_loader", "sandbox-redshift-Lr4tW9")
CRM_CLIENT = Login("tidemark-crm-client", "sandbox-crm-Zk3nB6")
AWS = Login("AKIASANDBOXTIDEMARK0", "sandbox-aws-Hd8mC5")
MASKING_KEY = "sandbox-masking-key-of-forty-characters-"
AWS_PROFILE = "tidemark-sandbox"
REGION = "eu-central-1"
