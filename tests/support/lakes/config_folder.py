"""A small configuration folder that is fit to run, for tests that spoil one thing in it."""

from __future__ import annotations

from pathlib import Path

from tidemark.errors import Finding
from tidemark.lint import lint

FILES = {
    "env/local.yaml": """\
name: local
home: ${FOLDER_HOME:-home}
exchange: s3a://exchange/
connections:
  crm: {kind: rest, block: crm, secret: crm}
  landing: {kind: s3, settings: {uri: "s3a://landing/"}}
  warehouse: {kind: snowflake, secret: warehouse}
targets:
  warehouse: {connection: warehouse, schema: GOLD}
""",
    "bronze/people.contract.yaml": """\
apiVersion: v3.2.0
kind: DataContract
id: bronze.people
version: 1.0.0
tags: [people]
slaProperties:
  - {property: freshness, value: 26, unit: h, element: updated_at}
schema:
  - name: people
    properties:
      - {name: person_id, logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 1}
      - name: email
        logicalType: string
        physicalType: string
        classification: personal
        logicalTypeOptions: {format: email}
        customProperties: [{property: mask, value: email}]
      - {name: city, logicalType: string, physicalType: string}
      - {name: updated_at, logicalType: timestamp, required: true, primaryKey: true, primaryKeyPosition: 2}
      - {name: is_deleted, logicalType: boolean, physicalType: boolean}
    quality:
      - {metric: rowCount, mustBeGreaterThan: 0, severity: warning}
""",
    "bronze/people.load.yaml": """\
source:
  connection: crm
  object: Person
  fields: {person_id: Id}
watermark: {column: updated_at, lookback: 1h}
write: {mode: append, keys: [person_id, updated_at]}
cluster_by: [updated_at]
tags: [crm]
""",
    "silver/person_versions.contract.yaml": """\
apiVersion: v3.2.0
kind: DataContract
id: silver.person_versions
version: 1.0.0
schema:
  - name: person_versions
    properties:
      - {name: person_id, logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 1}
      - {name: email, logicalType: string, physicalType: string}
      - {name: city, logicalType: string, physicalType: string}
      - {name: updated_at, logicalType: timestamp, required: true, primaryKey: true, primaryKeyPosition: 2}
      - {name: is_deleted, logicalType: boolean, physicalType: boolean}
""",
    "silver/person_versions.load.yaml": """\
inputs:
  bronze.people: {on: [person_id, updated_at]}
write: {mode: upsert, keys: [person_id, updated_at], order_by: [received_at]}
""",
    "silver/person_versions.sql": """\
SELECT
  person_id,
  lower(email) AS email,
  city,
  updated_at,
  is_deleted,
  _ingest_ts AS received_at
FROM bronze.people
""",
    "gold/dim_person.contract.yaml": """\
apiVersion: v3.2.0
kind: DataContract
id: gold.dim_person
version: 1.0.0
schema:
  - name: dim_person
    properties:
      - {name: person_sk, logicalType: string, physicalType: string, primaryKey: true, required: true}
      - {name: person_id, logicalType: string, physicalType: string, required: true}
      - name: email
        logicalType: string
        physicalType: string
        customProperties: [{property: mask, value: email}]
      - {name: city, logicalType: string, physicalType: string}
      - {name: valid_from, logicalType: timestamp, physicalType: timestamp}
      - {name: valid_to, logicalType: timestamp, physicalType: timestamp}
      - {name: is_current, logicalType: boolean, physicalType: boolean}
""",
    "gold/dim_person.load.yaml": """\
inputs:
  silver.person_versions: {on: [person_id]}
write:
  mode: scd2
  keys: [person_id]
  effective_from: updated_at
  surrogate_key: person_sk
  track: [email, city]
  deletes: {flag: is_deleted}
  unknown_member: true
publish: [warehouse]
""",
    "gold/dim_person.sql": """\
SELECT person_id, email, city, updated_at, is_deleted
FROM silver.person_versions
""",
    "gold/cities.contract.yaml": """\
apiVersion: v3.2.0
kind: DataContract
id: gold.cities
version: 1.0.0
schema:
  - name: cities
    properties:
      - {name: city, logicalType: string, physicalType: string, primaryKey: true, required: true}
      - {name: people, logicalType: integer, physicalType: bigint}
    quality:
      - name: nobody is lost
        type: sql
        query: SELECT sum(people) - (SELECT count(*) FROM gold.dim_person WHERE is_current) FROM {object}
        mustBe: 0
      - {name: at least one, type: custom, engine: soda, implementation: min(people) >= 1}
""",
    "gold/cities.load.yaml": """\
inputs:
  gold.dim_person: {on: [city]}
write: {mode: replace}
""",
    "gold/cities.sql": """\
SELECT coalesce(p.city, 'unknown') AS city, count(DISTINCT p.email) AS people
FROM gold.dim_person AS p
GROUP BY ALL
""",
}
"""Every file of the folder, by its path."""


class ConfigFolder:
    """The folder on disk; edits go to one file at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for path, text in FILES.items():
            self.write(path, text)

    def write(self, path: str, text: str) -> None:
        """Writes a file, and its folder where that is new."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        """Replaces a piece of text that is in the file exactly once."""
        text = (self.root / path).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is in {path} {text.count(old)} times"
        self.write(path, text.replace(old, new))

    def remove(self, path: str) -> None:
        """Removes a file."""
        (self.root / path).unlink()

    def findings(self) -> list[Finding]:
        """What lint finds."""
        return lint(self.root, "local")

    def found(self) -> list[str]:
        """What lint finds, as `path:line: message`."""
        return [f"{each.file.relative_to(self.root)}:{each.line}: {each.message}" for each in self.findings()]
