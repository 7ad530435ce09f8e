"""Times that a warehouse has without a zone: of which zone they are says the contract or the load file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes.config_folder import ConfigFolder
from tidemark.config.connections import ConnectionValue, load_plugin
from tidemark.config.project import load_project
from tidemark.errors import SourceError
from tidemark.sources import SOURCES, ExtractRequest
from tidemark.sources.reading import Cursor
from tidemark.sources.unload import _expect_types, _in_other_zones
from tidemark.warehouses import ResultColumn

TYPES = {"snowflake": ("TIMESTAMP_NTZ", "TIMESTAMP_TZ"), "redshift": ("1114", "1184")}


def request(folder: ConfigFolder, zone: str) -> ExtractRequest:
    cast = f"cast: {{updated_at: {{zone: {zone}}}}}\ntags:"
    folder.edit("bronze/people.load.yaml", "tags:", cast)
    folder.edit("bronze/people.load.yaml", "fields: {person_id: Id}", "fields: {updated_at: Changed}")
    project = load_project(folder.root, "local")
    given: dict[str, Any] = {"spark": None, "since": None, "low": None, "bookkeeping": {}, "full": False}
    return ExtractRequest(
        table=project.table("bronze.people"),
        connection=ConnectionValue("warehouse", "snowflake"),
        as_of=datetime(2025, 3, 1),
        staging="",
        local_staging="",
        environment=project.environment,
        **given,
    )


@pytest.mark.parametrize("kind", TYPES)
def test_only_times_without_a_zone_are_of_the_columns_zone(kind: str, tmp_path: Path) -> None:
    warehouse = load_plugin("source", kind, SOURCES)().warehouse(ConnectionValue("warehouse", kind))
    local, zoned = (ResultColumn("CHANGED", type_) for type_ in TYPES[kind])
    others = [ResultColumn("created_at", TYPES[kind][0]), ResultColumn("city", "TEXT")]

    berlin = request(ConfigFolder(tmp_path / "berlin"), "Europe/Berlin")
    assert _in_other_zones(berlin, warehouse, [local, *others]) == {"changed"}
    assert _in_other_zones(berlin, warehouse, [zoned, *others]) == frozenset()
    assert _in_other_zones(request(ConfigFolder(tmp_path / "utc"), "UTC"), warehouse, [local]) == frozenset()

    cursor = Cursor(("CHANGED",), (False,))
    _expect_types(berlin, warehouse, cursor, [zoned])
    with pytest.raises(SourceError, match="Person has times without a zone, which are not UTC"):
        _expect_types(berlin, warehouse, cursor, [local])
