"""What makes a computed table another one: then it is built anew, and a plan of it is not applied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.support.lakes.config_folder import ConfigFolder
from tidemark.config.definition import fingerprint
from tidemark.config.load import CastSpec
from tidemark.config.project import load_project


def test_what_values_may_lose_is_part_of_a_definition(tmp_path: Path) -> None:
    table = load_project(ConfigFolder(tmp_path / "config").root, "local").table("gold.cities")
    signed = {
        fingerprint(replace(table, load=table.load.model_copy(update={"cast": cast})))
        for cast in ({}, {"people": CastSpec(fit="round")}, {"people": CastSpec(fit="truncate")})
    }
    assert len(signed) == 3
