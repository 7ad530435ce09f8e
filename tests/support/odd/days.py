"""What comes again: snapshots that are cut off, later versions, names of the engine's own, deletes and histories."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.support.odd import NOTHING, Books, Odd, lines

CSV = {"format": "csv"}
WHOLE = CSV | {"mode": "full"}
PEOPLE = "id! int\nname string"
TEN = range(1, 11)
HELPERS = ("_bad", "_error", "_label", "_present", "_matched", "_key", "lane", "rejected", "order")
_NAMES = ",".join(HELPERS)


def _named(version: str) -> tuple[str, ...]:
    return tuple(f"{name}{version}" for name in HELPERS)


DAYS = {
    "roster": Odd(
        PEOPLE + "\nis_deleted boolean",
        WHOLE,
        (
            {"people.csv": lines("id,name,is_deleted", "1,Ann,false", "2,Bob,false", "3,Cid,false", "4,Dee,false")},
            # The second is ragged, the third has no such flag, and the fourth is gone, or is the ragged one.
            {"people.csv": lines("id,name,is_deleted", "1,Ann,false", "2,Bob, the builder,false", "3,Cid,perhaps")},
        ),
        [(1, "Ann", False), (2, "Bob", False), (3, "Cid", False), (4, "Dee", False)],
        (Books(inserted=4), Books(unchanged=1, quarantined=2)),
        write={"mode": "upsert", "keys": ["id"], "deletes": {"missing": "soft", "flag": "is_deleted"}},
        lane=[("_record.parse", "the builder"), ("is_deleted.type", "perhaps")],
        told=["deletes no key"],
    ),
    "cut_off": Odd(
        PEOPLE,
        WHOLE,
        (
            {"people.csv": lines("id,name", "1,Ann", "2,Bob", "3,Cid")},
            {"people.csv": lines("id,name", "1,Anna") + '2,"Bo'},
        ),
        [(1, "Ann"), (2, "Bob"), (3, "Cid")],
        (Books(inserted=3), Books(updated=1, quarantined=1)),
        then=[(1, "Anna"), (2, "Bob"), (3, "Cid")],
        write={"mode": "upsert", "keys": ["id"], "deletes": {"missing": "hard"}},
        lane=[("_record.parse", "Bo")],
        told=["deletes no key"],
    ),
    "gone": Odd(
        PEOPLE,
        WHOLE,
        (
            {"people.csv": lines("id,name", *(f"{number},x" for number in TEN))},
            {"people.csv": lines("id,name", *(f"{number},{'y' if number == 2 else 'x'}" for number in TEN[:-1]))},
        ),
        [(number, "x") for number in TEN],
        (Books(inserted=10), Books(updated=1, unchanged=8, vanished=1)),
        then=[(number, "y" if number == 2 else "x") for number in TEN[:-1]],
        write={"mode": "upsert", "keys": ["id"], "deletes": {"missing": "hard"}},
    ),
    "later_file": Odd(
        PEOPLE,
        CSV,
        (
            {
                "b.csv": lines("id,name", *(f"{number},old" for number in TEN)),
                "a.csv": lines("id,name", *(f"{number},new{number}" for number in TEN), "3,last"),
            },
            NOTHING,
        ),
        [(number, "last" if number == 3 else f"new{number}") for number in TEN],
        (Books(inserted=10, superseded=11), Books()),
        write={"mode": "upsert", "keys": ["id"]},
    ),
    "newest_whole": Odd(
        PEOPLE,
        CSV | {"snapshot": "file"},
        (
            {"2025-03-01.csv": lines("id,name", "1,Ann", "2,Bob")},
            {
                "2025-03-02.csv": lines("id,name", "1,Ann", "2,Bob", "3,Cid"),
                "2025-03-03.csv": lines("id,name", "1,Ann", "3,Cid M."),
            },
        ),
        [(1, "Ann"), (2, "Bob")],
        (Books(inserted=2), Books(unchanged=1, inserted=1, vanished=1)),
        then=[(1, "Ann"), (3, "Cid M.")],
        write={"mode": "replace", "keys": ["id"]},
        told=["1 files are of older snapshots"],
    ),
    "helper_names": Odd(
        "id! int\n_position int\n" + "\n".join(f"{name} string" for name in HELPERS),
        CSV,
        (
            {
                "a.csv": lines(
                    f"id,_position,{_NAMES}",
                    ",".join(("1", "6", *_named("b"))),
                    ",".join(("1", "5", *_named("a"))),
                    ",".join(("2", "1", *_named("c"))),
                )
            },
            {
                "b.csv": lines(
                    f"id,_position,{_NAMES}", ",".join(("1", "7", *_named("d"))), ",".join(("2", "0", *_named("e")))
                )
            },
        ),
        [(1, 6, *_named("b")), (2, 1, *_named("c"))],
        (Books(inserted=2, superseded=1), Books(updated=1, superseded=1)),
        then=[(1, 7, *_named("d")), (2, 1, *_named("c"))],
        write={"mode": "upsert", "keys": ["id"], "order_by": ["_position"]},
    ),
    "members": Odd(
        "id! int\ntier string\nupdated_at! timestamp\nis_deleted boolean",
        CSV,
        (
            {
                "1.csv": lines(
                    "id,tier,updated_at,is_deleted",
                    *(
                        row
                        for key in (1, 2, 3)
                        for row in (
                            f"{key},gold,2025-03-01T09:00:00Z,false",
                            f"{key},platinum,2025-03-01T10:00:00Z,false",
                            f"{key},platinum,2025-03-01T10:00:00Z,true",
                        )
                    ),
                    "4,gold,2025-03-01T09:00:00Z,true",
                )
            },
            {
                "2.csv": lines(
                    "id,tier,updated_at,is_deleted",
                    "1,platinum,2025-03-01T11:00:00Z,false",
                    "2,silver,2025-03-01T09:30:00Z,false",
                    "3,gold,2025-03-01T09:00:00Z,false",
                )
            },
        ),
        [
            *(
                (key, tier, datetime(2025, 3, 1, hour), deleted)
                for key in (1, 2, 3)
                for tier, hour, deleted in (("gold", 9, False), ("platinum", 10, False), ("platinum", 10, True))
            ),
            (4, "gold", datetime(2025, 3, 1, 9), True),
        ],
        (Books(inserted=10), Books(inserted=2, unchanged=1)),
        then=[
            *(
                (key, tier, datetime(2025, 3, 1, hour), deleted)
                for key in (1, 2, 3)
                for tier, hour, deleted in (("gold", 9, False), ("platinum", 10, False), ("platinum", 10, True))
            ),
            (4, "gold", datetime(2025, 3, 1, 9), True),
            (1, "platinum", datetime(2025, 3, 1, 11), False),
            (2, "silver", datetime(2025, 3, 1, 9, 30), False),
        ],
        write={"mode": "append", "keys": ["id", "updated_at"]},
    ),
}

HISTORY: dict[str, Any] = {
    "columns": "sk! string\nid! int\ntier string\nvalid_from! timestamp\nvalid_to timestamp\nis_current! boolean",
    "load": {
        "inputs": {"bronze.members": {"on": ["id"]}},
        "write": {
            "mode": "scd2",
            "keys": ["id"],
            "effective_from": "updated_at",
            "surrogate_key": "sk",
            "track": ["tier"],
            "deletes": {"flag": "is_deleted"},
        },
    },
    "keys": ["sk"],
    "sql": "SELECT id, tier, updated_at, is_deleted FROM bronze.members",
}
"""The history of the members: a delete at the instant of a change wins, and what is late falls into its place."""


def _of(key: int, tier: str, start: tuple[int, int], end: tuple[int, int] | None) -> tuple[Any, ...]:
    return key, tier, datetime(2025, 3, 1, *start), end and datetime(2025, 3, 1, *end), end is None


TOLD = (
    [_of(key, "gold", (9, 0), (10, 0)) for key in (1, 2, 3)],
    [
        _of(1, "gold", (9, 0), (10, 0)),
        _of(1, "platinum", (11, 0), None),
        _of(2, "gold", (9, 0), (9, 30)),
        _of(2, "silver", (9, 30), (10, 0)),
        _of(3, "gold", (9, 0), (10, 0)),
    ],
)
"""What it says after each day: key, tier, from, to, is current."""
