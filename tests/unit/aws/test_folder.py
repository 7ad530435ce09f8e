"""Small text files on disk; the same calls work on S3 (see tests of the AWS module's file system)."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tidemark.aws.folder import make_private, open_folder
from tidemark.errors import TidemarkError


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    folder = open_folder(str(tmp_path / "new"))
    path = folder.write_text("deep/er/file.txt", "Grüße\n")
    assert path == f"{tmp_path}/new/deep/er/file.txt"
    assert folder.read_text("deep/er/file.txt") == "Grüße\n"
    assert list(folder.lines("deep/er/file.txt")) == ["Grüße"]


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert open_folder(str(tmp_path)).read_text("none.txt") is None


def test_names_are_relative_and_sorted(tmp_path: Path) -> None:
    folder = open_folder(f"{tmp_path}/")
    for name in ("b.json", "a/x.json", "a/w.json"):
        folder.write_text(name, "")
    assert folder.names() == ["a/w.json", "a/x.json", "b.json"]
    assert folder.names("a") == ["a/w.json", "a/x.json"]
    assert folder.names("none") == []


def test_a_relative_root_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = open_folder("runs")
    folder.write_text("x.json", "{}")
    assert folder.names() == ["x.json"]


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    folder = open_folder(str(tmp_path))
    folder.write_text("x.json", "1")
    folder.write_text("x.json", "2")
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TidemarkError, match="could not be written"):
        open_folder(str(tmp_path / "file")).write_text("x.json", "{}")


def test_what_lies_right_below_is_told_apart_from_what_lies_deeper(tmp_path: Path) -> None:
    folder = open_folder(str(tmp_path))
    for name in ("ab.json", "abc.json", "b.json", "abd/x.json", "abd/deep/y.json"):
        folder.write_text(name, "12345")
    assert folder.files() == ["ab.json", "abc.json", "b.json"]
    assert folder.folders() == ["abd"]
    assert folder.starting("ab") == ["ab.json", "abc.json"]
    assert folder.below("abd").files() == ["x.json"]
    assert folder.below("abd").names() == ["deep/y.json", "x.json"]
    assert folder.size("abd/x.json") == 5
    assert set(folder.written()) == set(folder.names())
    assert all(
        abs(at - datetime.now(UTC).replace(tzinfo=None)) < timedelta(minutes=5) for at in folder.written().values()
    )
    none = folder.below("none")
    assert (none.files(), none.folders(), none.starting("a"), none.written()) == ([], [], [], {})


def test_a_folder_that_is_somebody_elses_is_told_with_who_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as for another user, which root never is
    with pytest.raises(TidemarkError, match=r"home cannot be used: Permission denied") as refused:
        make_private(tmp_path / "home")
    assert f"user {os.geteuid()}" in refused.value.seen[0]


def test_a_file_where_a_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("", "utf-8")
    with pytest.raises(TidemarkError, match=r"home cannot be used: File exists"):
        make_private(tmp_path / "home")
