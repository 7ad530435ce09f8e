"""Jars are the locked ones, byte for byte, whenever they are about to run."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tidemark.errors import ConfigError
from tidemark.spark import jars, logstore


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with the jars that are installed here."""
    there = jars.install()
    copied = tmp_path / "jars"
    copied.mkdir()
    for jar in there.glob("*.jar"):
        shutil.copyfile(jar, copied / jar.name)
    monkeypatch.setenv("TIDEMARK_JARS", str(copied))
    return copied


def test_the_locked_jars_are_taken(folder: Path) -> None:
    assert jars.install() == folder


@pytest.mark.parametrize("name", [jars.locked_jars()[0].file_name, logstore.jar_name()])
def test_a_jar_that_was_changed_is_not(folder: Path, name: str) -> None:
    jar = folder / name
    content = bytearray(jar.read_bytes())
    content[-1] ^= 1
    seen = jar.stat()
    jar.write_bytes(content)
    os.utime(jar, ns=(seen.st_atime_ns, seen.st_mtime_ns))  # same size, same time
    with pytest.raises(ConfigError, match=rf"{name} has SHA-256 [0-9a-f]{{64}}, and [0-9a-f]{{64}} is locked"):
        jars.install()


def test_two_jars_that_changed_places_are_not(folder: Path) -> None:
    one, other = (folder / jar.file_name for jar in jars.locked_jars()[:2])
    one.rename(folder / "kept")
    other.rename(one)
    (folder / "kept").rename(other)
    with pytest.raises(ConfigError) as refused:
        jars.install()
    assert len(refused.value.seen) == 2


@pytest.mark.parametrize("name", ["aaa.jar", "zzz.JAR"])
def test_a_jar_that_nobody_locked_is_not(folder: Path, name: str) -> None:
    """The class path takes all that lie there."""
    shutil.copyfile(folder / logstore.jar_name(), folder / name)
    with pytest.raises(ConfigError, match=f"{name} is named by no lock"):
        jars.install()


def test_what_lies_there_and_is_no_jar_is_left_alone(folder: Path) -> None:
    (folder / "README").write_text("jars of the image")
    (folder / "half.jar.partial").write_bytes(b"")
    assert jars.install() == folder


def test_checking_them_takes_no_time_worth_a_short_cut(folder: Path) -> None:
    began = time.process_time()
    jars.verify(folder)
    assert time.process_time() - began < 1


def test_a_copy_from_beside_is_checked_too(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jars of an earlier lock lie in the same cache; what was changed there is not taken over."""
    first = jars.locked_jars()[0]
    (tmp_path / "jars-0123456789ab").mkdir()
    (tmp_path / "jars-0123456789ab" / first.file_name).write_bytes(b"evil")
    (folder / first.file_name).unlink()
    jars._bring_from_beside(folder)
    assert not (folder / first.file_name).exists()
