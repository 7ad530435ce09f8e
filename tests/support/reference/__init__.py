"""The pages of `docs/reference`, made of models and commands; `python -m tests.support.reference` writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.reference import commands, errors, keys, variables

FOLDER = Path(__file__).parents[3] / "docs" / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "contract.md": keys.contract_page,
    "load.md": keys.load_page,
    "env.md": keys.environment_page,
    "jobs.md": keys.jobs_page,
    "test.md": keys.test_page,
    "commands.md": commands.page,
    "variables.md": variables.page,
    "errors.md": errors.page,
}
