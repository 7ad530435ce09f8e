"""One file that cannot be read never stops the others, and is read when it can be."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from tests.support.lakes.lake import Lake
from tests.support.lakes.landing import LandingFolder
from tidemark import steps
from tidemark.errors import SourceError
from tidemark.sources import Extract, ExtractRequest
from tidemark.sources.landing import compression
from tidemark.sources.landing.files import FilesSource
from tidemark.sources.landing.listing import Landing
from tidemark.sources.watermark import SourceFile


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


PACKERS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".zst": zstd}
MANY = "id,name\n" + "".join(f"{number},{Random(number).random()}\n" for number in range(20_000))


@pytest.mark.parametrize("form", ["csv", "json"])
def test_compressed_files_are_read_by_their_names(lake: Lake, form: str) -> None:
    landing = LandingFolder(lake, form)
    for number, (end, pack) in enumerate(PACKERS.items()):
        text = f"id,name\n{number},Ann\n" if form == "csv" else f'[\n{{"id": {number},\n"name": "Ann"}}]'
        landing.put(f"a.{form}{end}", pack(text.encode()))
    landing.put(f"two.{form}.gz", gzip.compress(b"id,name\n" if form == "csv" else b"") + gzip.compress(b'{"id":3}\n'))
    rows = landing.rows()
    assert [row for row in rows if "name" in row] == [{"id": str(number), "name": "Ann"} for number in range(3)]
    assert len(rows) == 4


@pytest.mark.parametrize("content", [MANY, "id,name\n1,Ann\n"])
def test_a_compressed_file_that_was_cut_off_is_one_broken_file(csv_landing: LandingFolder, content: str) -> None:
    packed = {end: pack(content.encode()) for end, pack in PACKERS.items()}
    csv_landing.put("good.csv", "id,name\n1,Ann\n")
    for end, whole in packed.items():
        csv_landing.put(f"cut.csv{end}", whole[: len(whole) - 9])
        csv_landing.put(f"other.csv{end}", b"id,name\n2,Bob\n")
    extract = csv_landing.step()
    rows = csv_landing.rows(extract)
    assert [row for row in rows if "_corrupt_record" not in row] == [{"id": "1", "name": "Ann"}]
    assert len(rows) == 1 + 2 * len(packed)
    assert sum("error lane as a whole" in told for told in extract.notices) == 2 * len(packed)
    assert not extract.full
    assert csv_landing.extract(extract.watermark).empty
    for end, whole in packed.items():
        csv_landing.put(f"cut.csv{end}", whole)
    again = csv_landing.rows(csv_landing.extract(extract.watermark))
    assert len(again) == len(packed) * (content.count("\n") - 1)


def test_json_that_was_cut_off_in_its_compressed_form_stops_no_other(json_landing: LandingFolder) -> None:
    lines = "".join(f'{{"id": {number}, "name": "{Random(number).random()}"}}\n' for number in range(20_000))
    json_landing.put("cut.json.gz", gzip.compress(lines.encode())[:-9])
    json_landing.put("good.json", '{"id": 1}\n')
    extract = json_landing.step()
    corrupt, good = json_landing.rows(extract)
    assert good == {"id": "1"}
    assert "cut.json.gz" in corrupt["_corrupt_record"]


def test_many_broken_files_do_not_cost_as_many_readings(
    csv_landing: LandingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv_landing.put("good.csv", "id,name\n1,Ann\n")
    for number in range(4):
        csv_landing.put(f"{number}.csv.gz", gzip.compress(MANY.encode(), compresslevel=1)[:-9])
    readings = []
    extract = FilesSource.extract

    def counted(source: FilesSource, request: ExtractRequest) -> Extract:
        readings.append(request)
        return extract(source, request)

    monkeypatch.setattr(FilesSource, "extract", counted)
    *corrupt, good = csv_landing.rows(csv_landing.step())
    assert (len(corrupt), good) == (4, {"id": "1", "name": "Ann"})
    assert len(readings) == 2


def test_a_compression_that_nobody_reads_is_told(csv_landing: LandingFolder) -> None:
    csv_landing.put("good.csv", "id,name\n1,Ann\n")
    csv_landing.put("a.csv.xz", b"\xfd7zXZ\x00...")
    csv_landing.put("b.csv.GZ", gzip.compress(b"id,name\n2,Bob\n"))
    csv_landing.put("c.csv", gzip.compress(b"id,name\n3,Cid\n"))
    csv_landing.put("d.csv.gzip", b"id,name\n4,Dee\n")
    csv_landing.put("e.csv.zstd", b"id,name\n5,Eve\n")
    extract = csv_landing.extract()
    assert {"id": "1", "name": "Ann"} in csv_landing.rows(extract)
    told = "\n".join(extract.notices)
    assert [
        end for end in (".xz", ".GZ", ".gzip", ".zstd") if f"`{end}` is no compression that is read" not in told
    ] == []
    assert "c.csv: its header is not UTF-8 (it begins like a .gz file" in told


def test_a_file_that_is_gone_before_it_is_read_is_no_file_received(
    csv_landing: LandingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv_landing.put("a.csv", "id,name\n1,Ann\n")
    goes = csv_landing.put("b.csv", "id,name\n2,Bob\n")
    list_files = Landing.files

    def files_and_then_one_goes(landing: Landing) -> object:
        listed = list_files(landing)
        goes.unlink(missing_ok=True)
        return listed

    with monkeypatch.context() as patched:
        patched.setattr(Landing, "files", files_and_then_one_goes)
        extract = csv_landing.extract()
    assert csv_landing.rows(extract) == [{"id": "1", "name": "Ann"}]
    assert any("b.csv: it was gone" in told for told in extract.notices)
    csv_landing.put("b.csv", "id,name\n2,Bob\n")
    assert csv_landing.rows(csv_landing.extract(extract.watermark)) == [{"id": "2", "name": "Bob"}]


def test_a_file_that_goes_while_it_is_read_stops_no_other(
    csv_landing: LandingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv_landing.put("a.csv", "id,name\n1,Ann\n")
    goes = csv_landing.put("b.csv", "id,name\n2,Bob\n")
    head = Landing.head

    def head_and_then_it_goes(landing: Landing, file: SourceFile, wanted: int) -> bytes:
        content = head(landing, file, wanted)
        if file.path == str(goes):
            goes.unlink()
        return content

    monkeypatch.setattr(Landing, "head", head_and_then_it_goes)
    extract = csv_landing.step()
    assert csv_landing.rows(extract) == [{"id": "1", "name": "Ann"}]
    assert str(goes) not in extract.watermark["files"]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_file_that_is_written_to_while_it_is_read_waits(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    landing = LandingFolder(lake, form)
    begun, end = ("id,name\n1,An", "n\n2,Bob\n") if form == "csv" else ('{"id": 1}\n{"id":', " 2}\n")
    landing.put("whole", "id,name\n3,Eve\n" if form == "csv" else '{"id": 3}\n')
    grows = landing.put("grows", begun)
    parse = steps._parsed_once

    def parse_and_then_it_grows(spark: SparkSession, extracted: Extract, folder: str) -> Extract:
        parsed = parse(spark, extracted, folder)
        grows.write_text(begun + end)
        return parsed

    with monkeypatch.context() as patched:
        patched.setattr(steps, "_parsed_once", parse_and_then_it_grows)
        extract = landing.step()
    assert [row["id"] for row in landing.rows(extract)] == ["3"]
    assert f"{grows}: it was written to while it was read; it is left for the next run" in extract.notices
    assert str(grows) not in extract.watermark["files"]
    assert not extract.full
    assert [row["id"] for row in landing.rows(landing.extract(extract.watermark))] == ["1", "2"]


def test_one_file_that_may_not_be_read_waits_and_all_of_them_are_an_error(
    csv_landing: LandingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv_landing.put("a.csv", "id,name\n1,Ann\n")
    csv_landing.put("b.csv", "id,name\n2,Bob\n")
    refused = {"b.csv"}
    store = type(Landing.of(csv_landing.request()).store)
    cat_file = store.cat_file

    def guarded(self: object, path: str, **ends: object) -> bytes:
        if Path(path).name in refused:
            raise PermissionError(13, "Permission denied", path)
        content: bytes = cat_file(self, path, **ends)
        return content

    monkeypatch.setattr(store, "cat_file", guarded)
    extract = csv_landing.extract()
    assert csv_landing.rows(extract) == [{"id": "1", "name": "Ann"}]
    assert any("b.csv: it may not be read" in told for told in extract.notices)
    assert not csv_landing.extract(full=True).full
    refused.add("a.csv")
    with pytest.raises(SourceError, match="none of the 2 files"):
        csv_landing.extract()
    refused.clear()
    assert csv_landing.rows(csv_landing.extract(extract.watermark)) == [{"id": "2", "name": "Bob"}]


@pytest.mark.parametrize("codec", ["gzip", "bzip2", "zstd"])
@pytest.mark.parametrize("size", [0, 1, 100_000, 2_000_000])
def test_a_whole_file_is_told_from_every_beginning_of_it(codec: compression.Codec, size: int) -> None:
    content = Random(size).randbytes(size)
    pack = {"gzip": gzip.compress, "bzip2": bz2.compress, "zstd": zstd}[codec]
    packed = pack(content)
    compression.examine([packed[at : at + 5_000] for at in range(0, len(packed), 5_000)], codec)
    assert compression.first_bytes(packed, codec, whole=True) == content
    if codec == "bzip2":
        assert compression.ends_well(packed)
    for length in {len(packed) - 1, len(packed) // 2, 3}:
        with pytest.raises(compression.BrokenError):
            compression.examine([packed[:length]], codec)
    if size:
        beginning = compression.first_bytes(packed[: len(packed) * 3 // 4], codec, whole=False)
        assert content.startswith(beginning)


def test_a_snapshot_with_a_part_that_cannot_be_read_does_not_replace_the_table(lake: Lake) -> None:
    landing = LandingFolder(lake, "csv", mode="replace")
    landing.put("dt=2025-03-01/part-0000.csv", "id,name\n1,Ann\n")
    cut = landing.put("dt=2025-03-01/part-0001.csv.gz", gzip.compress(MANY.encode())[:-9])
    with pytest.raises(SourceError, match="stays as it is") as refused:
        landing.step()
    assert "part-0001.csv.gz" in str(refused.value)
    cut.write_bytes(gzip.compress(b"id,name\n2,Bob\n"))
    assert landing.rows(landing.step()) == [{"id": "1", "name": "Ann"}, {"id": "2", "name": "Bob"}]
