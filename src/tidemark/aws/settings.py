"""How AWS is reached, and locations that may lie there: what needs no client, and so no boto3."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def is_uri(location: str) -> bool:
    """Whether a location is a URI (`s3a://…`) and not a local path."""
    return "://" in location


def join(root: str, *parts: str) -> str:
    """A place below a root, local or on S3."""
    return "/".join([root.rstrip("/"), *(part.strip("/") for part in parts)])


def settled(location: str) -> str:
    """Local paths become absolute (seen from the working directory); a slash at the end goes."""
    if is_uri(location):
        return location.rstrip("/")
    return str(Path(location).expanduser().absolute())


Location = Annotated[str, Field(min_length=1), AfterValidator(settled)]


class AwsSettings(BaseModel):
    """How AWS is reached; a laptop names an endpoint, a profile and a credentials file, AWS itself needs the region."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    endpoint_url: str | None = None
    profile: str | None = None
    credentials_file: Location | None = None
