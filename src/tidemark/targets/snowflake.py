"""Snowflake as a target."""

from __future__ import annotations

from tidemark.aws.clients import s3_uri
from tidemark.targets.base import WarehouseTarget
from tidemark.targets.exports import StagedFiles
from tidemark.warehouses import Session, literal
from tidemark.warehouses.snowflake import Snowflake

FILES_A_COPY = 1000
"""As many files one COPY may name."""


class SnowflakeTarget(WarehouseTarget):
    """A schema of a Snowflake database."""

    warehouse_type = Snowflake

    def create_staging(self, session: Session, staging: str, select: str) -> None:
        """A transient table: it needs no history."""
        session.run(f"CREATE OR REPLACE TRANSIENT TABLE {staging} AS {select}")

    def copy(self, session: Session, staging: str, files: StagedFiles) -> None:
        """Columns meet by name. FORCE: a table that was replaced may be told of the same files again."""
        integration = self.warehouse.connection.settings.get("storage_integration")
        access = f" STORAGE_INTEGRATION = {self.warehouse.name(integration)}" if integration else ""
        names = [literal(file.removeprefix(f"{files.folder}/")) for file in files.files]
        for start in range(0, len(names), FILES_A_COPY):
            listed = ", ".join(names[start : start + FILES_A_COPY])
            session.run(
                f"COPY INTO {staging} FROM {literal(s3_uri(files.folder) + '/')}{access} FILES = ({listed})"
                " FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE)"
                " MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE FORCE = TRUE"
            )
