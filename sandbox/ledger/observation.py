"""What the extractions could see: every good version, every bad row, and nothing that came and went between them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from sandbox.ledger.identity import UNREADABLE, Identity, identity
from sandbox.ledger.typed import BRONZE_TABLES, Record, bronze_names, typed_records
from sandbox.shop import PRODUCTS, Batch, Day, Note, Row, Shop

Rejects = dict[Identity, frozenset[str]]


class Observation:
    """The truth of bronze after extractions at the end of the shop days `runs`.

    - `rows[table]`: the distinct good rows received, typed, in the order in which they became visible. For products
      each is a version with `is_deleted` None, or True on the tombstone of a product that vanished.
    - `rejects[table]`: the bad rows received: identity → reasons.
    - `duplicates[table]`: how many rows merely repeated a good one that was delivered before or with them.
    """

    def __init__(self, shop: Shop, runs: Sequence[int]) -> None:
        self.rows: defaultdict[str, list[Record]] = defaultdict(list)
        self.rejects: defaultdict[str, Rejects] = defaultdict(dict)
        self.duplicates: Counter[str] = Counter()
        self._products: dict[str, Record] = {}
        unseen: defaultdict[str, dict[str, tuple[Row, Note]]] = defaultdict(dict)
        for number in range(1, runs[-1] + 1):
            day = shop.day(number)
            for batch in (*day.inserts.values(), *day.file_rows.values()):
                self._receive(batch)
            for name, batch in day.crm.items():
                unseen[name].update((row[0], (row, note)) for row, note in zip(batch.rows, batch.notes, strict=True))
            if number in runs:
                for name, records in unseen.items():
                    self._receive(_current(day.crm[name], list(records.values())))
                unseen.clear()
                self._receive_products(day)

    def _receive(self, batch: Batch) -> None:
        table = BRONZE_TABLES[batch.source]
        self.rows[table] += typed_records(batch)
        self.duplicates[table] += sum(note.kind == "duplicate" for note in batch.notes)
        self._reject(batch)

    def _reject(self, batch: Batch) -> None:
        table = BRONZE_TABLES[batch.source]
        names = bronze_names(batch)
        for row, note in zip(batch.rows, batch.notes, strict=True):
            if note.kind == "bad":
                payload = dict(zip(names, row, strict=True)) if note.raw is None else {UNREADABLE: note.raw}
                self.rejects[table][identity(table, payload)] = note.reasons

    def _receive_products(self, day: Day) -> None:
        """The whole table: what differs from the newest version seen is a version, what is missing a tombstone."""
        table = BRONZE_TABLES[PRODUCTS.name]
        self._reject(day.products)
        listed = {record["product_id"]: record for record in typed_records(day.products)}
        self.duplicates[table] += sum(note.kind == "duplicate" for note in day.products.notes)
        for product_id, record in listed.items():
            version = record | {"is_deleted": None}
            if self._products.get(product_id) != version:
                self._products[product_id] = version
                self.rows[table].append(version)
        for product_id, newest in list(self._products.items()):
            if product_id not in listed and not newest["is_deleted"]:
                self._products[product_id] = newest | {"is_deleted": True}
                self.rows[table].append(self._products[product_id])


def _current(batch: Batch, records: Sequence[tuple[Row, Note]]) -> Batch:
    """CRM records as they stand; the versions between two extractions were never seen."""
    rows = tuple(row for row, _ in records)
    return Batch(batch.source, batch.columns, rows, tuple(note for _, note in records))
