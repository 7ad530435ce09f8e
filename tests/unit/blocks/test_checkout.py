"""What is deployed is a commit: one that is not whole is refused where an image has to be of it, marked elsewhere."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from blocks.checkout import COMMIT, commit
from tidemark.errors import ConfigError

IMAGE = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/tidemark"


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    asked = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return asked.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one commit, as the working directory."""
    monkeypatch.delenv(COMMIT, raising=False)
    git(tmp_path, "init", "--quiet")
    (tmp_path / "flow.py").write_text("one\n")
    (tmp_path / ".gitignore").write_text("ignored\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("image", ["", IMAGE])
def test_a_whole_commit_is_deployed_as_what_it_is(checkout: Path, image: str) -> None:
    (checkout / "ignored").write_text("x")
    assert commit(image) == {"sha": git(checkout, "rev-parse", "HEAD")}


@pytest.mark.parametrize("name", ["flow.py", "new.py", "with a blank.py"])
def test_what_is_not_committed_is_marked_or_refused(checkout: Path, name: str) -> None:
    (checkout / name).write_text("two\n")
    assert commit() == {"sha": f"{git(checkout, 'rev-parse', 'HEAD')}-dirty"}
    with pytest.raises(ConfigError, match="1 files of the checkout are not committed") as raised:
        commit(IMAGE)
    assert name in raised.value.summary


def test_a_file_that_is_staged_or_gone_is_a_change_too(checkout: Path) -> None:
    git(checkout, "rm", "--quiet", "flow.py")
    with pytest.raises(ConfigError, match=r"flow\.py"):
        commit(IMAGE)


def test_a_container_deploys_the_commit_of_its_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(COMMIT, "0f1e2d3")
    assert commit(IMAGE) == {"sha": "0f1e2d3"}


@pytest.mark.parametrize("said", [None, "unknown"])
def test_without_a_commit_there_is_no_image_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    if said is None:
        monkeypatch.delenv(COMMIT, raising=False)
    else:
        monkeypatch.setenv(COMMIT, said)
    assert commit() == {"sha": "unknown"}
    with pytest.raises(ConfigError, match="cannot be told"):
        commit(IMAGE)


def test_where_there_is_no_git_a_process_pool_is_deployed_all_the_same(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert commit() == {"sha": "unknown"}
