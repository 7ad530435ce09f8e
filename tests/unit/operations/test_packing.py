"""Results of checks that are long over lie in one file a day, each of them once."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tidemark.aws.folder import Folder, open_folder
from tidemark.operations.packing import pack_results


@pytest.fixture
def results(tmp_path: Path) -> Folder:
    """Two results a day on three days."""
    folder = open_folder(str(tmp_path))
    for day in (1, 2, 3):
        for run in ("a", "b"):
            name = f"{run}{day}.json"
            folder.write_text(name, json.dumps({"run_id": f"{run}{day}", "checks": []}, indent=1))
            at = datetime(2025, 3, day, 12, tzinfo=UTC).timestamp()
            os.utime(tmp_path / name, (at, at))
    return folder


def runs(folder: Folder) -> list[str]:
    texts = [folder.read_text(name) or "" for name in folder.names()]
    lines = [text.split("\n") if text.startswith('{"') else [text] for text in texts]
    return sorted(json.loads(line)["run_id"] for each in lines for line in each if line)


ALL = ["a1", "a2", "a3", "b1", "b2", "b3"]


def test_days_that_are_over_are_packed(results: Folder) -> None:
    assert pack_results(results, datetime(2025, 3, 3)) == 4
    assert results.names() == ["a3.json", "b3.json", "packed/2025-03-01.jsonl", "packed/2025-03-02.jsonl"]
    assert runs(results) == ALL
    assert pack_results(results, datetime(2025, 3, 3)) == 0


def test_who_dies_before_the_originals_are_gone_leaves_no_result_twice(
    results: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(Folder, "delete", die)
        with pytest.raises(KeyboardInterrupt):
            pack_results(results, datetime(2025, 3, 4))
    pack_results(results, datetime(2025, 3, 4))
    assert runs(results) == ALL
