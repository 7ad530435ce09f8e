"""Files in S3: copied inside of it with the checksum that it computes, streamed from elsewhere, put on a condition."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tidemark.aws.clients import s3_client
from tidemark.aws.objects import ChangedError, DiskObjects, S3Objects, VanishedError, open_objects, sha256_of, whole
from tidemark.aws.settings import AwsSettings
from tidemark.errors import TidemarkError

CONTENT = b"0123456789" * 2_000_000


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsSettings]:
    """A store of its own with two buckets."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        settings = AwsSettings(region="eu-central-1", endpoint_url=f"http://{host}:{port}")
        where: Any = {"LocationConstraint": settings.region}
        for bucket in ("lake-of-tests", "snapshots-of-tests"):
            s3_client(settings).create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        yield settings
    server.stop()


@pytest.fixture
def lake(aws: AwsSettings) -> S3Objects:
    return S3Objects("s3a://lake-of-tests/some/where", aws)


@pytest.fixture
def snapshots(aws: AwsSettings) -> S3Objects:
    return S3Objects("s3a://snapshots-of-tests", aws)


def test_a_copy_inside_of_s3_has_the_checksum_of_what_was_copied(lake: S3Objects, snapshots: S3Objects) -> None:
    lake.put("gold/x=1%2F2/é a.parquet", b"rows")
    (file,) = lake.listed("gold")

    taken = snapshots.take(lake, file, "files/x")

    assert (taken.size, taken.sha256) == (4, hashlib.sha256(b"rows").hexdigest())
    assert snapshots.told("files/x") == (4, taken.sha256)
    assert next(snapshots.listed("files")).tag == taken.tag


def test_what_an_endpoint_of_a_vpc_does_not_copy_goes_through_this_process(
    lake: S3Objects, snapshots: S3Objects, aws: AwsSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies between regions: S3 itself would do them, the endpoint refuses them."""
    lake.put("far/x", b"rows")
    (file,) = lake.listed("far")

    def refuse(message: str) -> None:
        def copy_object(**_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, "CopyObject")

        monkeypatch.setattr(s3_client(aws), "copy_object", copy_object)

    refuse("VPC endpoints do not support cross-region requests")
    taken = snapshots.take(lake, file, "files/far")
    assert (taken.size, taken.sha256) == (4, hashlib.sha256(b"rows").hexdigest())
    assert whole(snapshots, "files/far") == b"rows"

    refuse("Access Denied")
    with pytest.raises(TidemarkError, match="AccessDenied"):
        snapshots.take(lake, file, "files/further")


def test_what_was_overwritten_is_read_as_its_store_keeps_no_checksum(snapshots: S3Objects, aws: AwsSettings) -> None:
    snapshots.put("files/y", b"rows")
    s3_client(aws).put_object(Bucket=snapshots.bucket, Key="files/y", Body=b"ruws")

    assert snapshots.told("files/y") == (4, None)
    assert sha256_of(snapshots, "files/y") == (4, hashlib.sha256(b"ruws").hexdigest())


def test_large_files_come_from_a_disk_and_go_there(snapshots: S3Objects, tmp_path: Path) -> None:
    disk = DiskObjects(str(tmp_path / "a"))
    disk.put("large", CONTENT)

    sent = snapshots.take(disk, next(disk.listed()), "files/large")
    back = open_objects(str(tmp_path / "b"))
    came = back.take(snapshots, next(file for file in snapshots.listed() if file.name == "files/large"), "large")

    assert sent.sha256 == came.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert whole(back, "large") == CONTENT


def test_an_object_that_became_another_or_is_gone_is_not_copied(lake: S3Objects, snapshots: S3Objects) -> None:
    lake.put("z", b"before")
    listed = next(file for file in lake.listed() if file.name == "z")
    lake.put("z", b"behind")
    with pytest.raises(ChangedError):
        [*lake.pieces("z", listed.tag)]
    lake.delete(["z"])
    with pytest.raises(VanishedError):
        snapshots.take(lake, listed, "files/z")
    with pytest.raises(VanishedError):
        snapshots.told("files/z")


def test_a_bucket_that_is_not_there_is_told(aws: AwsSettings) -> None:
    nowhere = S3Objects("s3a://nowhere-of-tests/x", aws)
    for ask in (lambda: [*nowhere.listed()], lambda: nowhere.put("x", b"1"), lambda: nowhere.put_new("x", b"1")):
        with pytest.raises(TidemarkError, match="s3a://nowhere-of-tests/x could not be used: NoSuchBucket"):
            ask()


def test_what_is_there_is_not_put_again(snapshots: S3Objects) -> None:
    snapshots.refuse_deaf()
    assert snapshots.put_new("snapshots/r1.json", b"one")
    assert snapshots.put_new("snapshots/r1.json", b"one"), "an answer that was lost"
    assert not snapshots.put_new("snapshots/r1.json", b"two")
    assert whole(snapshots, "snapshots/r1.json") == b"one"
