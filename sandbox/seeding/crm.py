"""The CRM: its records as they are after the last day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

from sandbox.home import Endpoints
from sandbox.shop import Day

TIMEOUT = 30.0  # seconds


def prepare(endpoints: Endpoints) -> None:
    """Empties it."""
    httpx.delete(f"{endpoints.url('crm')}/sandbox/records", timeout=TIMEOUT, trust_env=False).raise_for_status()


def load(endpoints: Endpoints, days: Sequence[Day]) -> None:
    """Inserts and updates records; of several versions the last one stays, as in any CRM."""
    records: dict[str, dict[str, dict[str, Any]]] = {}
    for day in days:
        for name, batch in day.crm.items():
            records.setdefault(name, {}).update((record["Id"], record) for record in batch.records())
    body = {name: list(held.values()) for name, held in records.items()}
    answer = httpx.post(f"{endpoints.url('crm')}/sandbox/records", json=body, timeout=TIMEOUT, trust_env=False)
    answer.raise_for_status()
