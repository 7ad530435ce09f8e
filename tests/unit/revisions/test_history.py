"""The versions of a contract as git has them: through commits that broke it, removed it or came by a merge."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.lakes.released import ReaderLake
from tidemark.catalog.facts import gather
from tidemark.control.state import open_state
from tidemark.revisions.git import Checkout
from tidemark.revisions.history import KEPT, Version

TABLE = "gold.sales"


class Repository:
    """A configuration in git, one table of which changes."""

    def __init__(self, root: Path) -> None:
        self.lake = ReaderLake(root)
        self.root = root
        self.git("init", "--quiet", "--initial-branch=main")

    @property
    def contract(self) -> Path:
        return self.root / "config" / "gold" / "sales.contract.yaml"

    def git(self, *words: str) -> None:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *words], cwd=self.root, check=True, capture_output=True)

    def commit(self, subject: str, *columns: str) -> None:
        if columns:
            self.lake.table(TABLE, *columns)
        self.git("add", "--all", "config")
        self.git("commit", "--quiet", "--allow-empty", "--message", subject)

    def versions(self) -> tuple[Version, ...]:
        project = self.lake.project
        return gather(project, open_state(project.environment), {}).tables[TABLE].versions


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_each_commit_that_changed_it_is_a_version(repository: Repository) -> None:
    repository.commit("First", "id: int")
    repository.commit("Nothing of it")
    repository.commit("A name", "id: int", "name: string")
    repository.lake.table(TABLE, "id: bigint", "name: string")
    told = [(each.subject, [change.what for change in each.changes or ()]) for each in repository.versions()]
    assert told == [
        ("", ["type int became bigint"]),
        ("A name", ["the column is new (string, may be null)"]),
        ("First", []),
    ]


def test_what_could_not_be_read_or_was_not_there_is_passed_over(repository: Repository) -> None:
    repository.commit("First", "id: int")
    repository.contract.write_text("schema: [", encoding="utf-8")
    repository.commit("Broken")
    repository.contract.unlink()
    repository.commit("Gone")
    repository.contract.write_bytes(b"\xff\xfe")
    repository.commit("No text")
    repository.commit("Back", "id: int", "name: string")
    newest, first = repository.versions()
    assert (newest.subject, first.subject, first.changes) == ("Back", "First", None)
    assert [change.column for change in newest.changes or ()] == ["name"]


def test_a_merge_is_the_version_that_readers_got(repository: Repository) -> None:
    repository.commit("First", "id: int")
    repository.git("switch", "--quiet", "--create", "work")
    repository.commit("A draft", "id: int", "draft: string")
    repository.commit("The column", "id: int", "name: string")
    repository.git("switch", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "--message", "Names", "work")
    assert [each.subject for each in repository.versions()] == ["Names", "First"]


def test_only_the_newest_are_looked_at(repository: Repository) -> None:
    for number in range(KEPT + 3):
        repository.commit(f"{number}", "id: int", f"column_{number}: int")
    found = repository.versions()
    assert [each.subject for each in found] == [f"{number}" for number in range(KEPT + 2, 2, -1)]
    assert all(each.changes for each in found)


def test_a_folder_without_a_commit_has_no_history(tmp_path: Path) -> None:
    assert Checkout.of(tmp_path) is None
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    assert Checkout.of(tmp_path) is None
