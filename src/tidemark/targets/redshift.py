"""Redshift as a target."""

from __future__ import annotations

import json

from tidemark.aws.clients import filesystem, s3_uri
from tidemark.targets.base import WarehouseTarget
from tidemark.targets.exports import StagedFiles
from tidemark.warehouses import Session, literal
from tidemark.warehouses.redshift import Redshift, s3_access


class RedshiftTarget(WarehouseTarget):
    """A schema of a Redshift database."""

    warehouse_type = Redshift

    def create_staging(self, session: Session, staging: str, select: str) -> None:
        """A plain table: COPY is by position, so its columns stand as those of the files."""
        session.run(f"DROP TABLE IF EXISTS {staging}")
        session.run(f"CREATE TABLE {staging} AS {select}")

    def copy(self, session: Session, staging: str, files: StagedFiles) -> None:
        """The files are named by a manifest, with their sizes, as COPY of Parquet wants it."""
        store = filesystem(self._environment.aws)
        entries = [
            {"url": s3_uri(file), "mandatory": True, "meta": {"content_length": int(store.info(file)["size"])}}
            for file in files.files
        ]
        manifest = f"{files.folder}/manifest.json"
        store.pipe_file(manifest, json.dumps({"entries": entries}).encode())
        session.run(
            f"COPY {staging} FROM {literal(s3_uri(manifest))} {s3_access(self.warehouse.connection)}"
            " FORMAT AS PARQUET MANIFEST"
        )
