"""Files of any size on a disk: listed with a tag, copied with their SHA-256, put where there is none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tidemark.aws import objects
from tidemark.aws.objects import ChangedError, DiskObjects, VanishedError, open_objects, sha256_of, whole


def test_a_file_is_taken_with_its_checksum_and_its_tag_there(tmp_path: Path) -> None:
    source, target = DiskObjects(str(tmp_path / "a")), DiskObjects(str(tmp_path / "b"))
    source.put("deep/x=1%2F2/é.bin", b"content")
    (file,) = source.listed()

    taken = target.take(source, file, "other/name")

    (there,) = target.listed()
    assert (there.name, there.size, there.tag) == ("other/name", 7, taken.tag)
    assert (taken.size, taken.sha256) == (7, hashlib.sha256(b"content").hexdigest())
    assert sha256_of(target, "other/name") == (7, taken.sha256)


def test_a_file_is_larger_than_what_is_in_memory_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "PIECE", 4)
    source, target = open_objects(str(tmp_path / "a")), open_objects(str(tmp_path / "b"))
    source.put("x", b"0123456789")

    target.take(source, next(source.listed()), "x")

    assert [*source.pieces("x")] == [b"0123", b"4567", b"89"]
    assert whole(target, "x") == b"0123456789"


def test_a_file_that_became_another_since_it_was_listed_is_not_taken(tmp_path: Path) -> None:
    source, target = open_objects(str(tmp_path / "a")), open_objects(str(tmp_path / "b"))
    source.put("x", b"before")
    listed = next(source.listed())
    source.put("x", b"behind")
    with pytest.raises(ChangedError):
        target.take(source, listed, "x")
    source.delete(["x"])
    with pytest.raises(VanishedError):
        target.take(source, listed, "x")
    assert [*Path(target.root).rglob("*.partial")] == [*target.listed()] == []


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    place = open_objects(str(tmp_path))
    assert place.put_new("x", b"first")
    assert place.put_new("x", b"first"), "an answer that was lost"
    assert not place.put_new("x", b"second")
    assert whole(place, "x") == b"first"
    assert whole(place, "y") is None
    assert [file.name for file in place.listed()] == ["x"]


def test_files_of_the_system_are_not_listed_and_empty_folders_go(tmp_path: Path) -> None:
    place = open_objects(str(tmp_path))
    place.put("deep/down/x", b"1")
    (tmp_path / "deep" / ".x.crc").write_bytes(b"crc")
    assert [file.name for file in place.listed("deep")] == ["deep/down/x"]
    place.delete(["deep/down/x", "not/there"])
    assert not (tmp_path / "deep" / "down").exists()
    assert [*open_objects(str(tmp_path / "nowhere")).listed()] == []
