"""`tidemark contract diff`, as typed: files, folders and revisions in git, and what it ends with."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from cli.console.output import stdout
from cli.main import main

ROOT = Path(__file__).parents[4]
SALES = "gold/fact_sales.contract.yaml"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of one table, in a folder of a checkout with one commit."""
    folder = tmp_path / "with blank" / "config"
    (folder / "gold").mkdir(parents=True)
    (folder / SALES).write_bytes((ROOT / "config" / SALES).read_bytes())
    monkeypatch.setenv("TIDEMARK_CONFIG", str(folder))
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path, "The table")
    return folder


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def commit(folder: Path, subject: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", subject)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int) -> str:
    stdout.cache_clear()
    assert main(["contract", "diff", *arguments]) == code
    return capsys.readouterr().out


def test_a_revision_against_the_folder_as_it_is(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "main", code=0) == "no contract changed\n"
    edit(config / SALES, "physicalType: decimal(5,4)", "physicalType: decimal(5,2)")
    shown = told(capsys, "HEAD", code=1)
    assert "breaking    gold.fact_sales.discount: type decimal(5,4) became decimal(5,2)" in shown
    assert "gold.fact_sales breaks without saying so: raise its version from 1.0.0 to 2.0.0" in shown


def test_versioned_fails_until_the_version_says_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(config / SALES, "required: true", "required: false")
    assert "loosened" in told(capsys, "main", "--versioned", code=0)
    edit(config / SALES, "physicalType: decimal(5,4)", "physicalType: decimal(5,2)")
    told(capsys, "main", "--versioned", code=1)
    edit(config / SALES, "version: 1.0.0", "version: 2.0.0")
    told(capsys, "main", "--versioned", code=0)
    told(capsys, "main", code=1)


def test_two_revisions_two_folders_and_two_files(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(config / SALES, "name: net_usd", "name: net_dollars")
    commit(config, "Another name")
    from_git = json.loads(told(capsys, "HEAD~1", "HEAD", "--json", code=1))
    effects = [(change["effect"], change["column"], change["announced"]) for change in from_git["changes"]]
    assert effects == [("breaking", "net_usd", False), ("breaking", "net_dollars", False)]
    from_folders = json.loads(told(capsys, str(ROOT / "config"), str(config), "--json", code=1))
    gone = [each["table"] for each in from_folders["changes"] if each["what"] == "the table was removed"]
    assert "gold.dim_customer" in gone
    from_files = json.loads(told(capsys, str(ROOT / "config" / SALES), str(config / SALES), "--json", code=1))
    assert from_files["changes"] == from_git["changes"]
    elsewhere = config.parent / "before.yaml"
    elsewhere.write_bytes((ROOT / "config" / SALES).read_bytes())
    assert json.loads(told(capsys, str(elsewhere), "--json", code=1))["changes"] == from_git["changes"]


def test_what_there_is_not_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "nowhere", code=2)
    told(capsys, "--", "--upload-pack=x", code=2)
    told(capsys, str(ROOT / "config" / "env" / "local.yaml"), code=2)
    told(capsys, str(ROOT / "config" / "gold" / "dim_date.contract.yaml"), str(config / SALES), code=2)
    edit(config / SALES, "logicalType: string", "logicalType: strong")
    told(capsys, "main", code=2)


def test_a_folder_in_no_checkout_is_told_with_gits_own_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "config" / "gold").mkdir(parents=True)
    monkeypatch.setenv("TIDEMARK_CONFIG", str(tmp_path / "config"))
    assert main(["contract", "diff", "main", "HEAD"]) == 2
    assert "in no checkout of git" in (told := capsys.readouterr().err)
    assert "git: fatal: not a git repository" in told


def test_ci_asks_it_of_every_pull_request(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    job = workflow["jobs"]["contracts"]
    assert "pull_request" in job["if"]
    (checkout,) = [step for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert checkout["with"]["fetch-depth"] == 0
    (target,) = [re.search(r"make (\w+) ", step["run"]) for step in job["steps"] if "make" in step.get("run", "")]
    assert target
    makefile = (ROOT / "Makefile").read_text("utf-8")
    recipe = re.search(rf"^{target[1]}:.*\n\t\$\(BIN\)/tidemark contract diff (.*)$", makefile, flags=re.MULTILINE)
    assert recipe
    words = recipe[1].replace("$(BASE)", "main").split()
    edit(config / SALES, "name: net_usd", "name: net_dollars")
    told(capsys, *words, code=1)
    edit(config / SALES, "version: 1.0.0", "version: 2.0.0")
    told(capsys, *words, code=0)
