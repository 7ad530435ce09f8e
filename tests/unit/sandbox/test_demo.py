"""What the demo says at its end is whole on a terminal of any width."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from sandbox import demo

RUN = "0198f3c2-7a41-7c5e-9d52-0d1a7b0c4e11"
PREFECT = "http://127.0.0.1:4200"
BESIDE = f"""\
tables          .tidemark/lake/{{bronze,silver,gold}}/…
                tidemark ls
rejected rows   .tidemark/lake/_errors/…
                tidemark errors list --run 0198f3c2
check results   .tidemark/dq_results/<layer>/<table>/{RUN}.json
run summaries   .tidemark/runs/*.json
                tidemark runs show 0198f3c2
Prefect         {PREFECT}
the truth       .tidemark/sandbox/ledger/…
                (what the shop says every table must hold)"""


def test_paths_stand_beside_what_they_are_where_there_is_room() -> None:
    assert demo.where_to_look(Path(".tidemark"), RUN, PREFECT, 100) == BESIDE.splitlines()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("home", [".tidemark", "/home/a [red] person/projects of mine/tidemark/.tidemark"])
def test_no_path_is_broken_or_cut(home: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(demo, "console", Console(file=written, width=width, highlight=False))
    for line in demo.where_to_look(Path(home), RUN, PREFECT, width):
        demo.print_whole(line)
    for place in (
        f"{home}/dq_results/<layer>/<table>/{RUN}.json",
        f"{home}/runs/*.json",
        "tidemark runs show 0198f3c2",
    ):
        assert [line for line in written.getvalue().splitlines() if line.endswith(place)]


def test_the_folder_is_named_as_it_is_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert demo._from_here(tmp_path / ".tidemark") == Path(".tidemark")
    assert demo._from_here(Path("/elsewhere/lake")) == Path("/elsewhere/lake")
