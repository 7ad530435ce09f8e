"""What an environment says of sizes, as Spark and Delta take it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tidemark.config.environment import ComputeSettings
from tidemark.spark.session import sizes


def test_sizes_are_told_in_bytes() -> None:
    assert sizes(ComputeSettings(broadcast_mb=2.5, file_mb=128)) == {
        "spark.sql.autoBroadcastJoinThreshold": "2621440",
        "spark.sql.files.maxPartitionBytes": "134217728",
        "spark.databricks.delta.optimize.minFileSize": "134217728",
        "spark.databricks.delta.optimize.maxFileSize": "134217728",
    }


@pytest.mark.parametrize("size", [127, 513])
def test_files_are_neither_small_nor_huge(size: int) -> None:
    with pytest.raises(ValidationError):
        ComputeSettings(file_mb=size)
