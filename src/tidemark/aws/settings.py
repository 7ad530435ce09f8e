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

    region: str = Field(description="The region.", examples=["eu-central-1"])
    endpoint_url: str | None = Field(
        default=None, description="Where a stand-in of AWS answers; null: AWS.", examples=["http://127.0.0.1:18400"]
    )
    profile: str | None = Field(
        default=None, description="The profile of the credentials file; null: as the machine says.", examples=["data"]
    )
    credentials_file: Location | None = Field(
        default=None,
        description="The credentials file; null: as the machine says.",
        examples=["~/.aws/credentials"],
    )
