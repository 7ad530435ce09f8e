"""Jobs by name: each is a flow and what it is to work on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    """`flow` is a module of this package and the flow in it; `parameters` are those it does not share with others."""

    flow: str
    about: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


JOBS: Mapping[str, Job] = {
    "daily": Job("daily", "everything: sources to gold, one release, both warehouses"),
    "snowflake_to_bronze": Job("ingest", "Snowflake's tables to bronze", {"connection": "snowflake"}),
    "redshift_to_bronze": Job("ingest", "Redshift's behaviour events to bronze", {"connection": "redshift"}),
    "crm_to_bronze": Job("ingest", "the CRM's objects to bronze", {"connection": "crm"}),
    "fx_json_to_bronze": Job("ingest", "the FX files to bronze", {"select": ["bronze.fx_rates"]}),
    "kafka_csv_to_bronze": Job("ingest", "the CSV drop of order events to bronze", {"select": ["bronze.kafka_events"]}),
    "bronze_to_silver": Job("build_layer", "silver from bronze, committed and released", {"layer": "silver"}),
    "silver_to_gold": Job("build_layer", "gold from silver, committed and released", {"layer": "gold"}),
    "dq_bronze_gate": Job("quality_gate", "the checks of bronze", {"select": ["bronze.*"]}),
    "dq_silver_gate": Job("quality_gate", "the checks of silver", {"select": ["silver.*"]}),
    "dq_gold_gate": Job("quality_gate", "the checks of gold", {"select": ["gold.*"]}),
    "publish_gold": Job("publish", "the newest release to every warehouse"),
    "publish_gold_to_snowflake": Job("publish", "the newest release to Snowflake", {"target": "snowflake"}),
    "publish_gold_to_redshift": Job("publish", "the newest release to Redshift", {"target": "redshift"}),
}
