from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.lakes.config_folder import FILES, ConfigFolder
from tidemark.config.gates import awaited, circle
from tidemark.config.project import load_project
from tidemark.errors import ConfigError

INPUTS = {
    "bronze.a": (),
    "bronze.b": (),
    "silver.c": ("bronze.a",),
    "silver.d": ("bronze.b",),
    "gold.e": ("silver.c", "silver.d"),
}


@pytest.mark.parametrize(
    ("table", "read", "waits"),
    [
        ("silver.c", ["bronze.a"], ("bronze.a",)),
        ("silver.c", ["silver.d", "bronze.b"], ("bronze.b", "silver.d")),
        ("bronze.a", ["bronze.b"], ("bronze.b",)),
        ("silver.c", ["gold.e"], ()),  # computed from it
        ("bronze.a", ["silver.d"], ()),  # of a later layer
        ("silver.c", ["silver.c"], ()),
    ],
)
def test_a_gate_waits_for_what_can_be_there_before_it(table: str, read: list[str], waits: tuple[str, ...]) -> None:
    assert awaited(INPUTS, {table: read}) == {table: waits}


def test_what_no_check_reads_is_waited_for_by_nobody() -> None:
    assert awaited(INPUTS, {"silver.c": ()}) == {}


def test_a_circle_of_waits_is_found() -> None:
    assert circle({**INPUTS, "silver.c": ("bronze.a", "silver.d")}) == ()
    circular = {**INPUTS, "silver.c": ("bronze.a", "silver.d"), "silver.d": ("bronze.b", "silver.c")}
    assert set(circle(circular)) == {"silver.c", "silver.d"}
    assert set(circle({**INPUTS, "bronze.a": ("bronze.b",), "bronze.b": ("bronze.a",)})) == {"bronze.a", "bronze.b"}


def test_checks_that_wait_for_each_other_are_refused_where_one_of_them_stands(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path / "config")
    for name, other in (("cities", "towns"), ("towns", "cities")):
        contract = FILES["gold/cities.contract.yaml"].replace("cities", name)
        folder.write(f"gold/{name}.contract.yaml", contract.replace("gold.dim_person", f"gold.{other}"))
        for kind in ("load.yaml", "sql"):
            folder.write(f"gold/{name}.{kind}", FILES[f"gold/cities.{kind}"])
    folder.edit("gold/towns.contract.yaml", " WHERE is_current", "")
    folder.edit("gold/cities.contract.yaml", " WHERE is_current", "")
    told = (
        "gold/cities.contract.yaml:11: check `nobody is lost` waits for gold.towns, which waits for it: "
        "gold.cities → gold.towns → gold.cities"
    )
    assert folder.found() == [told]
    with pytest.raises(ConfigError, match=r"waits for gold\.towns"):
        load_project(folder.root, "local")
