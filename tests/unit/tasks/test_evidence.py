"""Links lead where a browser finds what a task left."""

from __future__ import annotations

import pytest

from tasks.evidence import address


@pytest.mark.parametrize(
    ("place", "folder", "where"),
    [
        ("/home/a b/x.json", False, "file:///home/a%20b/x.json"),
        ("s3a://runs/dq/x y.json", False, "https://s3.console.aws.amazon.com/s3/object/runs?prefix=dq/x%20y.json"),
        ("s3://lake/_errors/a", True, "https://s3.console.aws.amazon.com/s3/buckets/lake?prefix=_errors/a/"),
        ("hdfs://lake/a", False, "hdfs://lake/a"),
    ],
)
def test_an_address_is_one_for_a_browser(place: str, folder: bool, where: str) -> None:
    assert address(place, folder=folder) == where
