"""What is compared with what, and who has seen personal values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tidemark.config.project import Project, load_project
from tidemark.errors import ConfigError
from tidemark.reconcile.pairs import pairs
from tidemark.reconcile.reconciling import note_access


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project("config", "local")


def test_bronze_has_its_source_and_gold_its_warehouses(project: Project) -> None:
    found = {(pair.table, pair.way, pair.other): pair.reason for pair in pairs(project, [])}
    assert found[("bronze.snowflake_orders", "from", "snowflake")] is None
    assert found[("bronze.redshift_behavior", "from", "redshift")] is None
    assert found[("gold.fact_sales", "to", "snowflake")] is None
    assert found[("gold.fact_sales", "to", "redshift")] is None
    assert "its source (rest) cannot be asked for sums" in str(found[("bronze.crm_accounts", "from", "crm")])
    assert "its source (s3) cannot be asked for sums" in str(found[("bronze.fx_rates", "from", "landing")])
    assert not any(table.startswith("silver.") for table, _, _ in found)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"connection": "snowflake"}, {("from", "snowflake")}),
        ({"target": "snowflake"}, {("to", "snowflake")}),
        ({"connection": "redshift", "target": "snowflake"}, {("from", "redshift"), ("to", "snowflake")}),
    ],
)
def test_one_connection_or_target_is_compared_alone(
    project: Project, named: dict[str, str], expected: set[tuple[str, str]]
) -> None:
    assert {(pair.way, pair.other) for pair in pairs(project, [], **named)} == expected


@pytest.mark.parametrize(
    ("select", "named", "told"),
    [
        (["silver.*"], {}, "nothing to reconcile"),
        (["gold.*"], {"connection": "snowflake"}, "nothing to reconcile"),
        ([], {"target": "redshit"}, "has no target 'redshit'"),
        ([], {"connection": "snowflakes"}, "has no connection 'snowflakes'"),
        (["gold.nothing"], {}, "selects no table"),
    ],
)
def test_what_there_is_not_is_refused(project: Project, select: list[str], named: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        pairs(project, select, **named)


def test_who_sees_personal_values_is_noted(project: Project, tmp_path: Path) -> None:
    roots = project.environment.roots.model_copy(update={"errors": str(tmp_path)})
    path = note_access(project.environment.model_copy(update={"roots": roots}), "ann", ["gold.b", "gold.a", "gold.b"])
    noted = json.loads(Path(path).read_text("utf-8"))
    assert {name: noted[name] for name in ("who", "what", "tables")} == {
        "who": "ann",
        "what": "reconciliation",
        "tables": ["gold.a", "gold.b"],
    }
    assert Path(path).parent.name == "_access"
