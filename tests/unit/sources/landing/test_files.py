"""Which files are due, and what a commit remembers of them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.lakes.lake import Lake
from tests.support.lakes.landing import LandingFolder
from tidemark.errors import ConfigError, SourceError
from tidemark.sources import Extract
from tidemark.sources.landing import listing
from tidemark.sources.watermark import FileBook, Period, SourceFile

NOW = datetime(2025, 3, 20, 12)


def ids(landing: LandingFolder, *args: object, **request: object) -> list[Any]:
    return [row["id"] for row in landing.rows(landing.extract(*args, **request))]


def test_a_file_is_received_once_and_again_when_it_is_written_anew(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id\n1\n", NOW)
    first = csv_landing.extract()
    assert not first.empty
    again = csv_landing.extract(first.watermark)
    assert again.empty
    assert again.watermark == first.watermark
    assert again.frame.columns == ["id", "name", "_origin", "_corrupt_record"]
    csv_landing.put("a.csv", "id\n1\n2\n", NOW + timedelta(hours=1))
    csv_landing.put("b.csv", "id\n3\n", NOW - timedelta(days=1))
    third = csv_landing.extract(first.watermark)
    assert [row["id"] for row in csv_landing.rows(third)] == ["1", "2", "3"]
    assert third.identity != first.identity


def test_equal_files_have_an_equal_identity(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id\n1\n", NOW)
    assert csv_landing.extract().identity == csv_landing.extract().identity


def test_full_reads_what_was_received_before(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id\n1\n", NOW)
    book = csv_landing.extract().watermark
    full = csv_landing.extract(book, full=True)
    assert [row["id"] for row in csv_landing.rows(full)] == ["1"]
    assert full.full
    assert full.watermark == book


def test_since_picks_days_by_their_folder_and_leaves_older_files_due(csv_landing: LandingFolder) -> None:
    for day in (1, 2, 3):
        csv_landing.put(f"dt=2025-03-0{day}/a.csv", f"id\n{day}\n", NOW)
    since = csv_landing.extract(since=datetime(2025, 3, 2))
    assert [row["id"] for row in csv_landing.rows(since)] == ["2", "3"]
    assert ids(csv_landing, since.watermark) == ["1"]
    complete = csv_landing.extract().watermark
    assert ids(csv_landing, complete, since=datetime(2025, 3, 3)) == ["3"]


def test_a_period_picks_its_days_and_the_book_stays_as_it_is(csv_landing: LandingFolder) -> None:
    for day in (1, 2, 3):
        csv_landing.put(f"dt=2025-03-0{day}/a.csv", f"id\n{day}\n", NOW)
    csv_landing.put("outside.csv", "id\n7\n")
    book = csv_landing.extract(as_of=datetime(2025, 3, 1, 23)).watermark
    today = datetime.now(UTC).date()

    def of(first: date, last: date) -> Extract:
        return csv_landing.extract(book, period=Period.of_days(first, last))

    again = of(date(2025, 3, 2), date(2025, 3, 2))
    assert [row["id"] for row in csv_landing.rows(again)] == ["2"]
    assert (again.watermark, again.full, again.empty) == (book, False, False)
    assert again.identity == of(date(2025, 3, 2), date(2025, 3, 2)).identity
    none = of(date(2024, 3, 2), date(2024, 3, 3))
    assert (none.empty, none.watermark) == (True, book)
    put_there = of(today - timedelta(days=1), today)
    assert [row["id"] for row in csv_landing.rows(put_there)] == ["7"]


def test_files_of_later_days_wait_however_long(csv_landing: LandingFolder) -> None:
    csv_landing.put("dt=2025-03-01/a.csv", "id\n1\n", NOW)
    csv_landing.put("dt=2025-03-09/a.csv", "id\n9\n", NOW - timedelta(days=1))
    first = csv_landing.extract(as_of=datetime(2025, 3, 1, 23, 59, 59))
    assert [row["id"] for row in csv_landing.rows(first)] == ["1"]
    assert not first.full
    assert any("later days" in notice for notice in first.notices)
    csv_landing.put("dt=2025-03-02/a.csv", "id\n2\n", NOW + timedelta(days=30))
    second = csv_landing.extract(first.watermark, as_of=datetime(2025, 3, 2, 23, 59, 59))
    assert [row["id"] for row in csv_landing.rows(second)] == ["2"]
    assert ids(csv_landing, second.watermark, as_of=datetime(2025, 3, 9)) == ["9"]


def test_empty_files_are_told_of_and_received(csv_landing: LandingFolder) -> None:
    csv_landing.put("empty.csv", "", NOW)
    extract = csv_landing.extract()
    assert extract.empty
    assert any("empty.csv" in notice for notice in extract.notices)
    assert FileBook.from_json(extract.watermark).files
    assert csv_landing.extract(extract.watermark).notices == ()


def test_files_that_spark_hides_are_no_files_and_are_told_unless_a_writer_left_them(
    csv_landing: LandingFolder,
) -> None:
    for name in ("_SUCCESS", ".a.csv.crc", "_temporary/0/a.csv", "_metadata", "_committed_123", "sub/.DS_Store"):
        csv_landing.put(name, "id\n1\n")
    csv_landing.put("_day=1/a.csv", "id\n2\n")
    extract = csv_landing.extract()
    assert [row["id"] for row in csv_landing.rows(extract)] == ["2"]
    assert extract.notices == ()
    for name in ("dt=2025-03-01/_b.csv", ".c.csv", ".d=1.csv", "e.csv._COPYING_", "_old/f.csv"):
        csv_landing.put(name, "id\n3\n")
    again = csv_landing.extract(extract.watermark)
    assert again.empty
    (told,) = again.notices
    assert told.startswith("5 files are left out")
    assert ".c.csv" in told
    assert "2 more" in told


@pytest.mark.parametrize("end", ["filepart", "partial", "1a2b.partial", "part", "tmp", "crdownload"])
def test_a_file_under_the_name_of_an_unfinished_one_waits_for_its_own(csv_landing: LandingFolder, end: str) -> None:
    unfinished = csv_landing.put(f"a.csv.{end}", "id\n1\n2")
    extract = csv_landing.extract()
    assert extract.empty
    assert any(str(unfinished) in told and "left out" in told for told in extract.notices)
    unfinished.unlink()
    csv_landing.put("a.csv", "id\n1\n23\n")
    assert ids(csv_landing, extract.watermark) == ["1", "23"]


@pytest.mark.parametrize("log", ["_delta_log/0.json", ".hoodie/hoodie.properties", "metadata/v1.metadata.json"])
def test_a_table_of_another_kind_is_no_folder_of_files(parquet_landing: LandingFolder, log: str) -> None:
    pq.write_table(pa.table({"id": [1]}), str(parquet_landing.put("orders/removed.parquet", b"")))
    parquet_landing.put(f"orders/{log}", "{}")
    pq.write_table(pa.table({"id": [2]}), str(parquet_landing.put("beside/a.parquet", b"")))
    for pattern in ("events/", "events/orders/*.parquet"):
        parquet_landing.pattern = pattern
        with pytest.raises(SourceError, match="not all of its files are its rows"):
            parquet_landing.extract()
    parquet_landing.pattern = "events/b*/*.parquet"
    assert ids(parquet_landing) == [2]


def test_a_place_may_be_named_by_way_of_another_folder(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id\n1\n")
    csv_landing.place = f"elsewhere/../{csv_landing.place}"
    assert ids(csv_landing) == ["1"]


def test_a_snapshot_with_an_unfinished_part_is_not_whole(csv_landing: LandingFolder) -> None:
    csv_landing.put("dt=2025-03-01/a.csv", "id\n1\n")
    csv_landing.put("dt=2025-03-01/b.csv.filepart", "id\n2")
    csv_landing.put("dt=2025-02-01/c.csv.filepart", "id\n3")
    csv_landing.also = {"mode": "full"}
    assert not csv_landing.extract().full
    csv_landing.mode = "replace"
    with pytest.raises(SourceError, match="stays as it is") as refused:
        csv_landing.extract()
    assert "b.csv: left out" in str(refused.value)
    (csv_landing.folder / "dt=2025-03-01/b.csv.filepart").rename(csv_landing.folder / "dt=2025-03-01/b.csv")
    extract = csv_landing.extract()
    assert (extract.full, [row["id"] for row in csv_landing.rows(extract)]) == (True, ["1", "2"])


def shut(folder: Path, number: int) -> Callable[[Any], Any]:
    """A disk on which one folder cannot be listed."""
    scan = os.scandir

    def scandir(path: Any) -> Any:
        if str(path) == str(folder):
            raise OSError(number, "no", str(path))
        return scan(path)

    return scandir


def test_a_folder_that_may_not_be_listed_is_told_and_nothing_counts_as_gone(
    csv_landing: LandingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv_landing.put("eu/a.csv", "id\n1\n")
    folder = csv_landing.put("us/b.csv", "id\n2\n").parent
    whole = csv_landing.extract(full=True)
    assert whole.full
    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", shut(folder, errno.EACCES))
        extract = csv_landing.extract(full=True)
        assert ids(csv_landing, full=True) == ["1"]
        assert not extract.full
        assert f"{folder}: the folder may not be listed; what is in it is not read" in extract.notices
        csv_landing.mode = "replace"
        with pytest.raises(SourceError, match="stays as it is"):
            csv_landing.extract(full=True)
        assert csv_landing.extract(whole.watermark).empty
        csv_landing.pattern = "events/*/a.csv"
        with pytest.raises(SourceError, match="stays as it is"):
            csv_landing.extract(full=True)
        csv_landing.pattern = "events/e*"
        assert csv_landing.extract(full=True).full
    csv_landing.mode, csv_landing.pattern = "append", "events/"
    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", shut(folder, errno.EIO))
        with pytest.raises(SourceError, match="could not be read"):
            csv_landing.extract()
    assert ids(csv_landing, extract.watermark) == ["2"]


def test_a_file_behind_a_link_is_read_again_when_it_is_written_anew(csv_landing: LandingFolder, tmp_path: Path) -> None:
    behind = tmp_path / "behind.csv"
    behind.write_text("id\n1\n")
    os.utime(behind, (1.7e9, 1.7e9))
    csv_landing.put("b.csv", "id\n5\n")
    (csv_landing.folder / "a.csv").symlink_to(behind)
    first = csv_landing.step()
    assert [row["id"] for row in csv_landing.rows(first)] == ["1", "5"]
    assert csv_landing.extract(first.watermark).empty
    behind.write_text("id\n2\n")
    os.utime(behind, (4e9, 4e9))
    assert ids(csv_landing, first.watermark) == ["2"]


@pytest.mark.parametrize("name", [".a.csv", "_a.csv", "a.csv._COPYING_"])
def test_a_hidden_file_that_the_load_file_names_is_told_and_not_taken_for_received(
    csv_landing: LandingFolder, name: str
) -> None:
    csv_landing.pattern = f"events/{name}"
    path = csv_landing.put(name, "id\n1\n")
    extract = csv_landing.extract()
    assert extract.empty
    assert not FileBook.from_json(extract.watermark).files
    assert any("left out" in notice and str(path) in notice for notice in extract.notices)


def test_links_are_followed_to_files_and_what_is_no_file_stops_no_other(
    csv_landing: LandingFolder, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.csv").write_text("id\n7\n")
    folder = csv_landing.put("a.csv", "id\n1\n").parent
    (folder / "linked.csv").symlink_to(elsewhere / "x.csv")
    (folder / "folder").symlink_to(elsewhere)
    (folder / "loop").symlink_to(folder)
    (folder / "nothing.csv").symlink_to(elsewhere / "none.csv")
    os.mkfifo(folder / "pipe.csv")
    extract = csv_landing.extract()
    assert [row["id"] for row in csv_landing.rows(extract)] == ["1", "7"]
    (told,) = extract.notices
    assert told.startswith("4 are no files")
    assert len(FileBook.from_json(extract.watermark).files) == 2


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("events/", ["1", "2", "3", "4"]),
        ("events/*.csv", ["1", "4"]),
        ("events/**/*.csv", ["1", "3", "4"]),
        ("events/day-?/", ["3"]),
        ("events/{a,b}.*", ["1", "2"]),
        ("events/[!a].csv", []),
        ("events/c[[]1].csv", ["4"]),
        ("events/c[1].csv", ["4"]),
    ],
)
def test_a_pattern_picks_files_as_a_shell_does(csv_landing: LandingFolder, pattern: str, found: list[str]) -> None:
    csv_landing.put("a.csv", "id\n1\n")
    csv_landing.put("b.txt", "id\n2\n")
    csv_landing.put("day-1/a.csv", "id\n3\n")
    csv_landing.put("c[1].csv", "id\n4\n")
    csv_landing.pattern = pattern
    assert ids(csv_landing) == found


def test_a_place_and_a_folder_that_look_like_patterns_are_none(csv_landing: LandingFolder) -> None:
    csv_landing.place = "land[i]ng {1}*"
    csv_landing.put("q[1]/a.csv", "id\n1\n")
    csv_landing.put("q1/a.csv", "id\n2\n")
    assert ids(csv_landing) == ["1", "2"]
    csv_landing.pattern = "events/q[1]/"
    assert ids(csv_landing) == ["1"]
    csv_landing.pattern = "events/q[1]*"
    assert ids(csv_landing) == ["2"]


ODD_NAMES = [
    "orders.csv", "orders[1].csv", "c{x}.csv", "q?.csv", "st*r.csv", "co:lon.csv", " blank .csv", "per%20cent.csv",
    "pl+us.csv", "new\nline.csv", "h#sh.csv", "\u00fc.csv", "u\u0308.csv", "back\\slash.csv", "q'u\"o.csv",
    "se;mi&,.csv", "a=b.csv", "\u65e5\u672c/\U0001f600.csv", "x[a]/y{1}/z.csv",
]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_every_file_is_read_once_whatever_its_name(lake: Lake, form: str) -> None:
    landing = LandingFolder(lake, form, columns="id string")
    for number, name in enumerate(ODD_NAMES):
        if form == "parquet":
            place = landing.put(name, b"")
            pq.write_table(pa.table({"id": [str(number)]}), str(place))
        else:
            landing.put(name, f"id\n{number}\n" if form == "csv" else f'{{"id": "{number}"}}\n')
    extract = landing.extract()
    found = {(row["id"], row["_origin"]) for row in extract.frame.collect()}
    assert found == {(str(number), f"file:{landing.folder / name}") for number, name in enumerate(ODD_NAMES)}
    assert extract.frame.count() == len(ODD_NAMES)
    assert landing.extract(extract.watermark).empty


def test_a_name_that_is_not_utf8_is_told_and_left_out(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id\n1\n")
    csv_landing.put(os.fsdecode(b"\xff.csv"), "id\n2\n")
    extract = csv_landing.extract()
    assert [row["id"] for row in csv_landing.rows(extract)] == ["1"]
    assert any("cannot address" in told for told in extract.notices)


def test_a_file_that_was_replaced_is_read_again_or_told(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id\n1\n2\n", NOW)
    book = csv_landing.extract().watermark
    csv_landing.put("a.csv", "id\n3\n", NOW)
    shorter = csv_landing.extract(book)
    assert [row["id"] for row in csv_landing.rows(shorter)] == ["3"]
    csv_landing.put("a.csv", "id\n4\n", NOW + timedelta(seconds=1))
    same_size = csv_landing.extract(shorter.watermark)
    assert [row["id"] for row in csv_landing.rows(same_size)] == ["4"]
    csv_landing.put("a.csv", "id\n5\n", NOW + timedelta(seconds=1))
    same_time = csv_landing.extract(same_size.watermark)
    assert same_time.empty
    assert any("a.csv" in told and "touch" in told for told in same_time.notices)
    assert csv_landing.extract(same_time.watermark).notices == ()


def test_a_file_with_an_old_time_is_read_when_it_comes(csv_landing: LandingFolder, monkeypatch: Any) -> None:
    dated = {"new.csv": NOW, "late.csv": NOW - timedelta(days=300)}

    def listed(path: str, details: Mapping[str, Any]) -> SourceFile:
        return SourceFile(path, int(details["size"]), "tag", dated[path.rpartition("/")[2]])

    monkeypatch.setattr(listing, "_source_file", listed)
    csv_landing.put("new.csv", "id\n1\n")
    book = csv_landing.extract().watermark
    csv_landing.put("late.csv", "id\n2\n")
    late = csv_landing.extract(book)
    assert [row["id"] for row in csv_landing.rows(late)] == ["2"]
    assert csv_landing.extract(late.watermark).empty


def test_a_folder_that_is_not_there_is_an_error_and_an_empty_one_is_not(csv_landing: LandingFolder) -> None:
    with pytest.raises(SourceError, match="no such folder") as missing:
        csv_landing.extract()
    assert missing.value.table == "bronze.events"
    csv_landing.folder.mkdir(parents=True)
    extract = csv_landing.extract()
    assert extract.empty
    assert "no files" in extract.notices[0]


def test_a_load_file_has_to_say_what_its_files_are(lake: Lake) -> None:
    landing = LandingFolder(lake, None)
    landing.put("a.csv", "id\n1\n")
    with pytest.raises(ConfigError, match="does not say what its files are"):
        landing.extract()


def test_an_extract_with_an_empty_file_among_others_is_not_known_to_be_whole(csv_landing: LandingFolder) -> None:
    csv_landing.put("a.csv", "id,name\n1,Ann\n")
    csv_landing.put("b.csv", "id,name\n")
    assert csv_landing.extract(full=True).full
    csv_landing.put("b.csv", "")
    assert not csv_landing.extract(full=True).full
    csv_landing.put("a.csv", "")
    emptied = csv_landing.extract(full=True)
    assert (emptied.full, emptied.empty) == (
        True,
        True,
    )  # all there is, and nothing in it: the table's limit judges that
