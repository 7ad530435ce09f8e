"""The drop of the Kafka topic order_events: CSV files per day and partition, with redeliveries and broken lines."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from sandbox.shop.chance import stream
from sandbox.shop.clock import Clock, busy_moment, start_of
from sandbox.shop.dirt import Flaw, Spoiler, becomes, turns
from sandbox.shop.model import DUPLICATE, GOOD, Batch, Note, Row
from sandbox.shop.schema import NEW_COLUMN_DAY, ORDER_EVENTS
from sandbox.shop.sources.orders import Order, OrderEvent
from sandbox.shop.sources.sales import Sales

PARTITIONS = 6
_TOPIC = "order_events"
_FIRST_OFFSET = 4_000_000_000  # beyond what an int holds
_OFFSETS_PER_DAY = 1_000_000
_OFFSET = 2
_EVENT_AT = 6

_REDELIVERED_SHARE = 0.006  # the same event under a later offset
_TWICE_SHARE = 0.004  # the same line twice
_AGAIN_SHARE = 0.002  # the same line in the next day's file

_DEVICES = ("ios", "android", "web")
_REMARKS = ('gift: "Für Oma" 🎁', "leave at door,\nring twice", "送り状: 丁寧に", "l'été; 50% off", "الطابق الثاني")

_Labelled = list[tuple[Row, Note]]


class OrderEvents:
    """What the topic's drop contains, day by day."""

    def __init__(self, seed: int, clock: Clock, sales: Sales) -> None:
        self._seed = seed
        self._clock = clock
        self._sales = sales
        self._first_deliveries: dict[int, list[list[Row]]] = {}

    def files(self, day: int) -> dict[str, Batch]:
        """The files of a day by path, one per partition that had events."""
        folder = f"kafka/order_events/dt={self._clock.date(day)}"
        yesterday = self._delivered_first(day - 1) if day > 1 else [[]] * PARTITIONS
        files: dict[str, Batch] = {}
        for partition, rows in enumerate(self._delivered_first(day)):
            labelled = self._with_dirt(day, partition, rows, yesterday[partition])
            files[f"{folder}/part-{partition:04d}.csv"] = self._batch(day, labelled)
        if day % 10 == 3:
            files[f"{folder}/part-{PARTITIONS:04d}.csv"] = self._batch(day, [])
        return files

    def _batch(self, day: int, labelled: _Labelled) -> Batch:
        columns = ORDER_EVENTS.columns_on(day)
        rows = tuple(row[: len(columns)] for row, _ in labelled)
        return Batch(ORDER_EVENTS.name, columns, rows, tuple(note for _, note in labelled))

    def _delivered_first(self, day: int) -> list[list[Row]]:
        """Per partition the events that arrive on a day, each for the first time, with their offsets."""
        if day not in self._first_deliveries:
            arriving = [
                (event.at, order.order_id, order, event)
                for order in self._sales.living(day)
                for event in order.events
                if event.arrives == day
            ]
            partitions: list[list[Row]] = [[] for _ in range(PARTITIONS)]
            for _, _, order, event in sorted(arriving, key=lambda found: found[:2]):
                partition = order.sequence % PARTITIONS
                offset = _FIRST_OFFSET + day * _OFFSETS_PER_DAY + len(partitions[partition])
                partitions[partition].append(self._row(order, event, partition, offset))
            self._first_deliveries[day] = partitions
        return self._first_deliveries[day]

    def _row(self, order: Order, event: OrderEvent, partition: int, offset: int) -> Row:
        rng = stream(self._seed, "payload", order.order_id) if order.sequence % 16 == 0 else None
        return (
            _TOPIC,
            partition,
            offset,
            f"OEV-{order.order_id[4:]}{event.number:02d}",
            order.order_id,
            event.kind,
            self._clock.iso(event.at),
            _payload(order, event, rng),
            _DEVICES[order.sequence % 3] if event.at >= start_of(NEW_COLUMN_DAY) else None,
        )

    def _with_dirt(self, day: int, partition: int, rows: list[Row], yesterday: list[Row]) -> _Labelled:
        rng = stream(self._seed, "order-events-dirt", day, partition)
        labelled: _Labelled = []
        for row in rows:
            labelled.append((row, GOOD))
            if rng.random() < _TWICE_SHARE:
                labelled.append((row, DUPLICATE))
        again = stream(self._seed, "order-events-again", day, partition)
        labelled += [(row, DUPLICATE) for row in yesterday if again.random() < _AGAIN_SHARE]
        offset = _FIRST_OFFSET + day * _OFFSETS_PER_DAY + len(rows)
        for row in [*rows, *yesterday]:
            if again.random() < _REDELIVERED_SHARE:
                labelled.append(((*row[:_OFFSET], offset, *row[_OFFSET + 1 :]), GOOD))
                offset += 1
        labelled += self._bad(rng, rows, day, partition, offset)
        if (day + partition) % 9 == 4:
            labelled.append(_cut_off(partition, offset + len(rows), day))
        return labelled

    def _bad(self, rng: Random, rows: list[Row], day: int, partition: int, offset: int) -> _Labelled:
        offsets = iter(range(offset, offset + len(rows)))

        def restamp(chance: Random, row: Row) -> Row:
            stamped: list[Any] = list(row)
            stamped[_OFFSET] = next(offsets)
            stamped[_EVENT_AT] = self._clock.iso(busy_moment(chance, day))
            return tuple(stamped)

        return SPOILER.spoil_some(rng, rows, day * 7 + partition * 4, restamp)


def _payload(order: Order, event: OrderEvent, rng: Random | None) -> str | None:
    """The event's JSON text; for the few orders with a stream of their own spread over lines, odd or missing."""
    if event.kind == "packed":
        return None
    if rng is None:
        return f'{{"order_id": "{order.order_id}", "lines": {len(order.lines)}, "currency": "{order.currency}"}}'
    body = {"order_id": order.order_id, "channel": order.channel, "remark": rng.choice(_REMARKS), "step": event.number}
    return json.dumps(body, ensure_ascii=False, indent=2 if rng.random() < 0.5 else None)


def _cut_off(partition: int, offset: int, day: int) -> tuple[Row, Note]:
    """The last line of a file whose writer died: too few fields to be read."""
    raw = f"{_TOPIC},{partition},{offset},OEV-{day:04d}"
    return (None,) * len(ORDER_EVENTS.columns), Note("bad", frozenset({"_record.parse"}), raw)


SPOILER = Spoiler(
    (column.name for column in ORDER_EVENTS.columns),
    (
        Flaw("topic", "topic.required", becomes(None)),
        Flaw("partition", "partition.type", becomes("three", "p1")),
        Flaw("partition", "partition.minimum", becomes(-1)),
        Flaw("partition", "partition.required", becomes(None)),
        Flaw("offset", "offset.type", turns(lambda value: f"{value}a")),
        Flaw("offset", "offset.minimum", turns(lambda value: -value)),
        Flaw("offset", "offset.required", becomes(None)),
        Flaw("event_id", "event_id.pattern", turns(lambda value: value[:-1])),
        Flaw("event_id", "event_id.required", becomes(None)),
        Flaw("order_id", "order_id.pattern", becomes("ORD-?", "0")),
        Flaw("order_id", "order_id.required", becomes(None)),
        Flaw("event_type", "event_type.enum", becomes("CREATED", "exploded")),
        Flaw("event_type", "event_type.required", becomes(None)),
        Flaw("event_at", "event_at.type", becomes("soon", "2025-13-01T00:00:00Z", "1741000000 s")),
        Flaw("event_at", "event_at.required", becomes(None)),
    ),
)
"""Breaks order events."""
