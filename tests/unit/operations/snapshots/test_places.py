"""Which snapshots there are at a place, which is the newest, and which are over."""

from __future__ import annotations

from pathlib import Path

from tidemark.aws.objects import open_objects
from tidemark.operations.snapshots.document import Part, Snapshot
from tidemark.operations.snapshots.export import retire
from tidemark.operations.snapshots.place import Place


def snapshot(number: int, month: int, run: str = "abcdefgh") -> Snapshot:
    made_at = f"2025-{month:02d}-01T05:00:00"
    release = {"number": number, "run_id": run, "created_at": made_at, "tables": {}}
    return Snapshot(release, "test", "/lake", made_at, run, {}, Part("lists/records-0.gz", "0", 1, 1))


def test_the_first_release_of_a_lake_that_was_begun_anew_is_newer_than_all_of_the_one_before(tmp_path: Path) -> None:
    place = Place(open_objects(str(tmp_path)))
    for each in (snapshot(30, 1), snapshot(31, 2), snapshot(1, 3, "zyxwvuts")):
        place.add(each)
    assert place.wanted(None).name == "r1-zyxwvuts"
    assert retire(place, 2) == ("r30-abcdefgh",)
    assert [each.name for each in place.every()[0]] == ["r31-abcdefgh", "r1-zyxwvuts"]


def test_an_older_release_that_was_asked_for_stays_until_the_next_export(tmp_path: Path) -> None:
    place = Place(open_objects(str(tmp_path)))
    for each in (snapshot(2, 2), snapshot(3, 3), snapshot(1, 1)):
        place.add(each)
    assert retire(place, 2, made="r1-abcdefgh") == ()
    assert retire(place, 2) == ("r1-abcdefgh",)
