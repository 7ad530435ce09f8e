"""docs/adding-a-table.md, done: a source table by two files and a gold table by three, no Python touched."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sandbox.seeding.aws import client
from tests.support.worlds import warehouses
from tests.support.worlds.world import World

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.timeout(1800)

ROOT = Path(__file__).parents[2]
RETURNS = (
    "return_id,reason,refund\nRET-000001,broken,12.50\nRET-000002,late,3.00\nRET-000003,broken,7.25\nRET-4,late,1\n"
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped configuration with the documented tables added, word for word."""
    folder = tmp_path_factory.mktemp("with-returns") / "config"
    shutil.copytree(ROOT / "config", folder)
    contract, load, query, gold_load = _blocks((ROOT / "docs" / "adding-a-table.md").read_text("utf-8"))
    (folder / "bronze/web_returns.contract.yaml").write_text(contract)
    (folder / "bronze/web_returns.load.yaml").write_text(load)
    (folder / "gold/returns_by_reason.sql").write_text(query)
    (folder / "gold/returns_by_reason.load.yaml").write_text(gold_load)
    (folder / "gold/returns_by_reason.contract.yaml").write_text(yaml.safe_dump(_gold_contract(contract)))
    return folder


def test_the_documented_tables_are_valid_loaded_and_published(spark: SparkSession, world: World, config: Path) -> None:
    aws = client(world.endpoints, "s3")
    aws.put_object(Bucket="shop-landing", Key="returns/2025-03-31.csv", Body=RETURNS.encode())

    validated = world.tidemark("validate", "--config", str(config))
    ran = world.tidemark(
        "run", "--config", str(config), "--select", "+gold.returns_by_reason", "--date", "2025-03-31", "--json"
    )

    assert validated.returncode == 0, validated.stdout + validated.stderr
    assert ran.returncode == 0, ran.stderr[-3000:]
    received = spark.read.format("delta").load(str(world.path("bronze.web_returns"))).count()
    assert received == 3
    expected = {"broken": (2, "19.75"), "late": (1, "3.00")}
    for warehouse in ("snowflake", "redshift"):
        rows = warehouses.rows(world.endpoints, warehouse, "returns_by_reason")
        assert {row["reason"]: (row["return_count"], str(row["refunded"])) for row in rows} == expected


def _blocks(text: str) -> list[str]:
    return re.findall(r"```(?:yaml|sql)\n(.*?)```", text, flags=re.DOTALL)


def _gold_contract(bronze: str) -> dict[str, Any]:
    """The contract that the page leaves to the reader."""
    contract: dict[str, Any] = yaml.safe_load(bronze)
    columns = {
        "reason": ("string", "string"),
        "return_count": ("integer", "bigint"),
        "refunded": ("number", "decimal(28,2)"),
    }
    properties: list[dict[str, Any]] = [
        {"name": name, "logicalType": logical, "physicalType": physical, "required": True}
        for name, (logical, physical) in columns.items()
    ]
    properties[0] |= {"primaryKey": True, "primaryKeyPosition": 1}
    schema = {"name": "returns_by_reason", "logicalType": "object", "properties": properties}
    return contract | {"id": "gold.returns_by_reason", "schema": [schema]}
