"""A configuration folder in git: the contracts of a commit, and the commits that changed them.

Only `git` itself is asked, and only for what it has; nothing is checked out or written.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tidemark.children import variables_for
from tidemark.config.contract import SUFFIX
from tidemark.errors import ConfigError

_CONTRACTS = f":(glob)*/*{SUFFIX}"
_SECONDS = 120
_NO_BLOB = "0" * 40
_MARK, _FIELD = "\x01", "\x1f"


@dataclass(frozen=True)
class Edit:
    """One commit's version of one contract: when (UTC) and why it came, and its text's name in git (None: removed)."""

    path: str
    commit: str
    at: datetime
    subject: str
    blob: str | None


@dataclass(frozen=True)
class Checkout:
    """A folder inside a work tree of git."""

    folder: Path

    @classmethod
    def of(cls, folder: Path) -> Checkout | None:
        """The folder's checkout; None where it is in none that has a commit, or this machine has no git."""
        try:
            asked = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        except FileNotFoundError:
            return None
        return cls(folder) if asked.returncode == 0 else None

    @staticmethod
    def refusal(folder: Path) -> str:
        """Why a folder is in no checkout, in git's own words."""
        try:
            asked = _git(folder, "rev-parse", "--verify", "HEAD^{commit}")
        except FileNotFoundError:
            return "git is not installed"
        return (asked.stderr.decode(errors="replace").strip().splitlines() or ["it has no commit"])[0]

    def commit(self, revision: str) -> str | None:
        """The commit that a revision (`main`, `v1.2`, `HEAD~3`) names; None where there is none."""
        asked = _git(self.folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        return asked.stdout.decode().strip() if asked.returncode == 0 else None

    def contracts(self, commit: str) -> dict[str, str]:
        """The texts of all contracts at a commit, by their path in the folder."""
        listed = self._told("ls-tree", "-r", "-z", commit, "--", ".").decode()
        blobs: dict[str, str] = {}
        for entry in listed.split("\0"):
            about, _, path = entry.partition("\t")
            if path.endswith(SUFFIX) and path.count("/") == 1:
                blobs[path] = about.split()[2]
        texts = self.texts(blobs.values())
        return {path: texts[blob] for path, blob in blobs.items()}

    def edits(self) -> Iterator[Edit]:
        """What commits on the way to this one did to the contracts, newest first."""
        form = f"--format={_MARK}%H{_FIELD}%cI{_FIELD}%s"
        how = ("--first-parent", "--diff-merges=first-parent", "--raw", "--no-abbrev", "--no-renames", "--relative")
        commit, at, subject = "", datetime(1970, 1, 1), ""
        for line in self._told("log", form, *how, "--", _CONTRACTS).decode(errors="replace").splitlines():
            if line.startswith(_MARK):
                commit, when, subject = line[1:].split(_FIELD, 2)
                at = datetime.fromisoformat(when).astimezone(UTC).replace(tzinfo=None)
            elif line.startswith(":"):
                about, _, path = line.partition("\t")
                blob = about.split()[3]
                yield Edit(path, commit, at, subject, None if blob == _NO_BLOB else blob)

    def texts(self, blobs: Iterable[str]) -> Mapping[str, str]:
        """The texts of these names."""
        wanted = list(dict.fromkeys(blobs))
        told = self._told("cat-file", "--batch", given="".join(f"{blob}\n" for blob in wanted).encode())
        found, at = {}, 0
        for blob in wanted:
            end = told.index(b"\n", at)
            size = _size(told[at:end], self.folder)
            found[blob] = told[end + 1 : end + 1 + size].decode(errors="replace")
            at = end + 1 + size + 1
        return found

    def _told(self, *words: str, given: bytes | None = None) -> bytes:
        asked = _git(self.folder, *words, given=given)
        if asked.returncode != 0:
            raise ConfigError(
                f"git says of {self.folder}: {asked.stderr.decode(errors='replace').strip()}",
                next_step="see whether the checkout is whole: git fsck",
            )
        return asked.stdout


def _size(header: bytes, folder: Path) -> int:
    *_, size = header.split()
    if not size.isdigit():
        raise ConfigError(f"git lacks a file of {folder}: {header.decode()}", next_step="git fetch, or git fsck")
    return int(size)


def _git(folder: Path, *words: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-c", "core.quotePath=false", "-C", str(folder), *words]
    as_told = {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        return subprocess.run(
            command,
            input=given,
            env=variables_for("git") | as_told,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"git {words[0]} in {folder} took longer than {_SECONDS} s", next_step="see what holds it up: git status"
        ) from None
