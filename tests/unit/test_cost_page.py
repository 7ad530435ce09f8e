"""What docs/cost.md says that an hour costs is what runs estimate by the settings that it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tidemark.config.environment import load_environment
from tidemark.observe.metrics import usd_an_hour

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cost.md").read_text("utf-8")
SHOWN = yaml.safe_load(re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)[0])
PROD = load_environment(ROOT / "config", "prod")


def told(line: str) -> list[float]:
    """The dollars of a line of the table: of an hour, and of ten minutes."""
    (row,) = [each for each in PAGE.splitlines() if each.startswith(f"| {line}")]
    return [float(number) for number in re.findall(r"([\d.]+) USD", row)]


@pytest.mark.parametrize(
    ("line", "size", "executors"),
    [("`small`, with", "small", None), ("`large`, with", "large", None), ("`small` without", "small", 0)],
)
def test_the_table_is_what_runs_estimate(line: str, size: str, executors: int | None) -> None:
    spec = PROD.compute.sizes[size]
    chosen = spec if executors is None else spec.model_copy(update={"executors": executors})
    compute = PROD.compute.model_copy(update={"sizes": {size: chosen}})
    hour = usd_an_hour(PROD.model_copy(update={"compute": compute}), size)
    assert hour is not None
    assert told(line) == [pytest.approx(hour, abs=0.005), pytest.approx(hour / 6, abs=0.005)]


def test_the_settings_shown_are_those_of_the_shipped_file() -> None:
    assert PROD.prices is not None
    assert SHOWN["prices"] == PROD.prices.model_dump()
    shown = {name: PROD.compute.sizes[name].model_dump(exclude_none=True) for name in SHOWN["compute"]["sizes"]}
    assert SHOWN["compute"]["sizes"] == shown
