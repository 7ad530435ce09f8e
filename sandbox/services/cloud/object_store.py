"""The S3 stand-in as the warehouses see it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sandbox.credentials import AWS, REGION
from sandbox.services.listen import LOOPBACK

if TYPE_CHECKING:
    from s3fs import S3FileSystem

DEFAULT_AWS_PORT = 18400
BLOCK_BYTES = 8 * 1024 * 1024  # what one open file may hold in memory


def aws_endpoint() -> str:
    """Where AWS is in this sandbox: SANDBOX_AWS_PORT on the loopback."""
    return f"http://{LOOPBACK}:{os.environ.get('SANDBOX_AWS_PORT', DEFAULT_AWS_PORT)}"


def object_store() -> S3FileSystem:
    """An fsspec file system on the sandbox's S3 that never answers from a cache."""
    from s3fs import S3FileSystem

    return S3FileSystem(
        key=AWS.user,
        secret=AWS.password,
        client_kwargs={"endpoint_url": aws_endpoint(), "region_name": REGION},
        default_block_size=BLOCK_BYTES,
        use_listings_cache=False,
        skip_instance_cache=True,
    )
