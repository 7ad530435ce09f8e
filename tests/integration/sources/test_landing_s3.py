"""Files in S3 as a source, and Spark's own way to S3."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import uuid
from typing import Any

import pytest

from tests.integration.conftest import CONFIG
from tests.support.worlds.systems import Systems, rows
from tidemark.aws.clients import s3_client
from tidemark.errors import SourceError
from tidemark.rows import ORDER
from tidemark.sources import Extract

BUCKET = "shop-landing"


@pytest.fixture
def folder(systems: Systems) -> str:
    """A folder of its own in the landing bucket, with two CSV files of different columns and one that is empty."""
    name = f"test-{uuid.uuid4().hex}/orders"
    client = s3_client(systems.environment.aws)
    client.put_object(Bucket=BUCKET, Key=f"{name}/dt=2025-03-01/part-0.csv", Body=b'id,name\n1,Ann\n2,"B\nob"\n')
    client.put_object(Bucket=BUCKET, Key=f"{name}/dt=2025-03-02/part+ [0].csv", Body=b"name,id,device\nCid,3,ios\n")
    client.put_object(Bucket=BUCKET, Key=f"{name}/dt=2025-03-02/empty.csv", Body=b"")
    return name


def extract(systems: Systems, folder: str, form: str = "csv", uri: str | None = None, **request: Any) -> Extract:
    table = systems.table("id int\nname string", {"object": folder, "format": form})
    settings = {"uri": uri} if uri else {}
    return systems.extract(table, systems.connection("landing", **settings), **request)


def test_files_in_s3_are_read_by_name_and_received_once(systems: Systems, folder: str) -> None:
    first = extract(systems, folder)
    assert rows(first.frame, "id", "name", "device") == [
        ("1", "Ann", None),
        ("2", "B\nob", None),
        ("3", "Cid", "ios"),
    ]
    assert rows(first.frame.where("id = 3"), "_origin") == [(f"s3a://{BUCKET}/{folder}/dt=2025-03-02/part+ [0].csv",)]
    again = extract(systems, folder, bookkeeping=first.watermark)
    assert again.empty
    assert again.watermark == first.watermark
    s3_client(systems.environment.aws).put_object(
        Bucket=BUCKET, Key=f"{folder}/dt=2025-03-01/part-0.csv", Body=b"id,name\n4,Dan\n"
    )
    assert rows(extract(systems, folder, bookkeeping=first.watermark).frame, "id") == [("4",)]


def test_keys_in_s3_are_read_once_whatever_their_names(systems: Systems) -> None:
    folder, client = f"test-{uuid.uuid4().hex}/q[1]", s3_client(systems.environment.aws)
    names = ["a.csv", "a[1].csv", "b{x}*.csv", "c:d.csv", "50% +1.csv", "\u00fc.csv", "country=D%2FE/a.csv", "d.csv.gz"]
    for number, name in enumerate(names):
        body = f"id\n{number}\n".encode()
        client.put_object(Bucket=BUCKET, Key=f"{folder}/{name}", Body=gzip.compress(body) if "gz" in name else body)
    client.put_object(Bucket=BUCKET, Key=f"{folder}//nameless.csv", Body=b"id\n99\n")
    client.put_object(Bucket=BUCKET, Key=f"{folder}/_hidden.csv", Body=b"id\n98\n")
    got = extract(systems, folder)
    origins = {(str(number), f"s3a://{BUCKET}/{folder}/{name}") for number, name in enumerate(names)}
    assert set(rows(got.frame, "id", "_origin")) == origins
    assert len(rows(got.frame, "id")) == len(names)
    assert rows(got.frame.where("country IS NOT NULL"), "country") == [("D/E",)]
    assert [told.partition(" files")[0] for told in got.notices] == ["1", "1"]
    assert extract(systems, folder, bookkeeping=got.watermark).empty


def test_what_the_shop_lands_is_read_as_it_is(systems: Systems) -> None:
    table = systems.table("rate_date date", {"object": "fx/", "format": "json", "options": {"multiLine": True}})
    got = systems.extract(table, systems.connection("landing"))
    assert set(got.frame.columns) == {
        "rate_date", "base_currency", "currency", "rate", "published_at", "_corrupt_record", "_origin", ORDER
    }  # fmt: skip
    assert got.frame.where("_corrupt_record IS NULL").count() > 0


def test_a_bucket_that_is_not_there_is_told(systems: Systems) -> None:
    with pytest.raises(SourceError, match="no such folder or bucket") as failed:
        extract(systems, "anything", uri="s3a://no-such-bucket-here/")
    assert "s3a://no-such-bucket-here/anything" in str(failed.value)


def test_a_prefix_without_files_is_empty(systems: Systems) -> None:
    got = extract(systems, "no/such/prefix")
    assert got.empty
    assert "no files" in got.notices[0]


def test_a_session_of_the_environment_reaches_s3_by_profile_and_credentials_file(systems: Systems, folder: str) -> None:
    program = (
        "import sys, json; from pathlib import Path; from tidemark.config.environment import load_environment;"
        "from tidemark.spark.session import build_session;"
        "spark = build_session(load_environment(Path(sys.argv[1]), 'local'));"
        "lines = spark.read.text(sys.argv[2]).count();"
        "conf = dict(spark.sparkContext.getConf().getAll());"
        "print(json.dumps({'lines': lines, 'keys': [k for k in conf if 'secret' in k or 'access.key' in k]}))"
    )
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    answer = subprocess.run(
        [sys.executable, "-c", program, str(CONFIG), f"s3a://{BUCKET}/{folder}/dt=2025-03-01/"],
        env=variables | {"TIDEMARK_HOME": systems.environment.home},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    assert json.loads(answer.stdout.splitlines()[-1]) == {"lines": 4, "keys": []}
