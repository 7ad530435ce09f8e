"""What `tidemark sla` says under its table: how many promises are kept, and of how many nobody knows."""

from __future__ import annotations

import pytest

from cli.console.output import stdout
from cli.sla import show_judged
from tidemark.observe.sla import Judged, Promise

KEPT = Judged(Promise("job daily", "runtime", 3600), 108)
UNKNOWN = Judged(Promise("gold.sales", "freshness", 3600, column="sold_at"))
BROKEN = Judged(Promise("job daily", "runtime", 3600), 7200)


@pytest.fixture(autouse=True)
def fresh_console() -> None:
    stdout.cache_clear()


def last_line(capsys: pytest.CaptureFixture[str], *judged: Judged) -> str:
    show_judged(judged)
    return capsys.readouterr().out.splitlines()[-1].rstrip()


def test_what_is_not_known_is_not_counted_as_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert last_line(capsys, KEPT, UNKNOWN) == "1 promise is kept, 1 is not known yet"
    assert last_line(capsys, UNKNOWN) == "1 promise is not known yet"
    assert last_line(capsys) == "nothing is promised"


def test_how_many_are_broken_is_left_to_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert last_line(capsys, BROKEN, UNKNOWN) == "gold.sales  freshness  not known yet"
