"""Parquet of every writer: each file by its own types, whatever its neighbours are like."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa

from tests.support.odd import NOTHING, Books, Odd, ints, parquet

PARQUET = {"format": "parquet"}
KEYED = {"mode": "append", "keys": ["id"]}
NOON = datetime(2025, 3, 1, 12)


def _people(*ids: int) -> bytes:
    return parquet({"id": ints(ids), "name": pa.array([f"p{number}" for number in ids])})


def _trips(vendor: pa.DataType, passengers: pa.Array, fee: str, **more: pa.Array) -> bytes:
    """A month of trips: types and spellings change from month to month."""
    count = len(passengers)
    return parquet(
        {
            "VendorID": pa.array(range(1, count + 1), vendor),
            "tpep_pickup_datetime": pa.array([NOON] * count, pa.timestamp("us")),
            "passenger_count": passengers,
            "trip_distance": pa.array([2.61, 0.1, 1.0], pa.float64()),
            fee: pa.array([0.0, 1.25, None], pa.float64()),
        }
        | more
    )


_TOLD = {"vendor_id": "VendorID", "pickup_at": "tpep_pickup_datetime"}
_FIRST_MONTH = [
    (1, NOON, 0, Decimal("2.61"), 0.0, None),
    (2, NOON, 6, Decimal("0.10"), 1.25, None),
]
_SECOND_MONTH = [
    (1, NOON, 1, Decimal("2.61"), 0.0, 0.75),
    (2, NOON, None, Decimal("0.10"), 1.25, 0.75),
    (3, NOON, 3, Decimal("1.00"), None, None),
]

COLUMNS = {
    "trips": Odd(
        "vendor_id int\npickup_at! timestamp\n"
        "passenger_count int {logicalTypeOptions: {minimum: 0, maximum: 6}}\ntrip_distance decimal(9,2)",
        PARQUET | {"fields": _TOLD},
        (
            {
                "01.parquet": _trips(pa.int64(), pa.array([0.0, 6.0, 1.5]), "airport_fee"),
                "02.parquet": _trips(
                    pa.int32(),
                    pa.array([1, None, 3], pa.int64()),
                    "Airport_fee",
                    cbd_congestion_fee=pa.array([0.75, 0.75, None]),
                ),
            },
            NOTHING,
        ),
        [*_FIRST_MONTH, *_SECOND_MONTH],
        (Books(inserted=5, quarantined=1), Books()),
        lane=[("passenger_count.type", "1.5")],
        also=["airport_fee", "cbd_congestion_fee"],
        told=["airport_fee (double) is new", "cbd_congestion_fee (double) is new"],
    ),
    "lossy": Odd(
        "id! int\namount decimal(18,2)\nqty int\nday date\nsmall float",
        PARQUET,
        (
            {
                "exact.parquet": parquet(
                    {
                        "id": ints([1, 2]),
                        "amount": pa.array([Decimal("12.340"), Decimal("12.345")], pa.decimal128(18, 3)),
                        "qty": pa.array([12.0, 12.0]),
                    }
                ),
                "doubles.parquet": parquet(
                    {
                        "id": ints([3, 4, 5]),
                        "amount": pa.array([0.1, 0.1 + 0.2, 1e17]),
                        "qty": pa.array([-0.9, None, None]),
                    }
                ),
                "days.parquet": parquet(
                    {
                        "id": ints([6, 7]),
                        "day": pa.array(
                            [datetime(2025, 3, 1), datetime(2025, 3, 1, 23, 30)], pa.timestamp("us", "UTC")
                        ),
                    }
                ),
                "large.parquet": parquet(
                    {
                        "id": pa.array([8, 9, 2**40], pa.uint64()),
                        "qty": pa.array([2**32 - 1, 7, 1], pa.uint32()),
                        "small": pa.array([0.5, 0.5, 0.5], pa.float64()),
                    }
                ),
                "words.parquet": parquet(
                    {
                        "id": pa.array(["10", "11", "12"]).dictionary_encode(),
                        "small": pa.array(["0.25", "2x", "NaN"]).dictionary_encode(),
                    }
                ),
            },
            NOTHING,
        ),
        [
            (1, Decimal("12.34"), 12, None, None),
            (6, None, None, date(2025, 3, 1), None),
            (9, None, 7, None, 0.5),
            (10, None, None, None, 0.25),
            (12, None, None, None, float("nan")),
        ],
        (Books(inserted=5, quarantined=8), Books()),
        write=KEYED,
        lane=[
            ("amount.type", "12.345"),
            ("qty.type", "-0.9"),
            ("amount.type", "0.30000000000000004"),
            ("amount.type", '"id":"5"'),
            ("day.type", "23:30"),
            ("qty.type", "4294967295"),
            ("id.type", "1099511627776"),
            ("small.type", "2x"),
        ],
    ),
    "instants": Odd(
        "id! int\nseen_at timestamp",
        PARQUET,
        (
            {
                "micro.parquet": parquet({"id": ints([1]), "seen_at": pa.array([NOON], pa.timestamp("us"))}),
                "nano.parquet": parquet(
                    {"id": ints([2, 3]), "seen_at": pa.array([1_000, 1_001], pa.timestamp("ns"))}, version="2.6"
                ),
                "hive.parquet": parquet(
                    {"id": ints([4]), "seen_at": pa.array([datetime(1850, 5, 6, 7)], pa.timestamp("us"))},
                    use_deprecated_int96_timestamps=True,
                ),
                "zone.parquet": parquet(
                    {"id": ints([5]), "seen_at": pa.array([NOON], pa.timestamp("ms", "Asia/Kolkata"))}
                ),
                "text.parquet": parquet(
                    {"id": ints([6, 7]), "seen_at": pa.array(["2025-03-01T12:00:00+01:00", "noon"])}
                ),
            },
            NOTHING,
        ),
        [
            (1, NOON),
            (2, datetime(1970, 1, 1, 0, 0, 0, 1)),
            (4, datetime(1850, 5, 6, 7)),
            (5, NOON),
            (6, datetime(2025, 3, 1, 11)),
        ],
        (Books(inserted=5, quarantined=2), Books()),
        write=KEYED,
        lane=[("_record.parse", '"id":3'), ("seen_at.type", "noon")],
    ),
    "by_country": Odd(
        "id! int\ncountry string\ncity string",
        PARQUET,
        (
            {
                "country=DE/city=Ulm/a.parquet": parquet({"id": ints([1])}),
                "country=FR/city=Aix%20en%20Provence/a.parquet": parquet({"id": ints([2])}),
                "country=__HIVE_DEFAULT_PARTITION__/city=Ulm/a.parquet": parquet({"id": ints([3])}),
                "country=IT/city=Rome/a.parquet": parquet({"id": ints([4, 5]), "country": pa.array(["IT", "AT"])}),
            },
            {"country=DE/city=Ulm/b.parquet": parquet({"id": ints([6])}), "country=DE/_SUCCESS": ""},
        ),
        [(1, "DE", "Ulm"), (2, "FR", "Aix en Provence"), (3, None, "Ulm"), (4, "IT", "Rome")],
        (Books(inserted=4, quarantined=1), Books(inserted=1)),
        then=[(1, "DE", "Ulm"), (2, "FR", "Aix en Provence"), (3, None, "Ulm"), (4, "IT", "Rome"), (6, "DE", "Ulm")],
        write=KEYED,
        lane=[("_record.parse", "AT")],
    ),
    "typeless": Odd(
        "id! int",
        PARQUET,
        (
            {"a.parquet": parquet({"id": ints([1]), "coupon": pa.nulls(1)})},
            {"b.parquet": parquet({"id": ints([2]), "coupon": pa.array([77], pa.int64())})},
        ),
        [(1,)],
        (Books(inserted=1), Books(inserted=1)),
        then=[(1,), (2,)],
        write=KEYED,
        told=["coupon (bigint) is new"],
    ),
    "twin_columns": Odd(
        "id! int\nname string",
        PARQUET,
        (
            {
                "a.parquet": parquet({"id": ints([1]), "name": pa.array(["Ann"]), "NAME": pa.array(["ANN"])}),
                "b.parquet": _people(2),
                "cut.parquet": _people(3, 4)[:-9],
                "not.parquet": b"id,name\n5,Eve\n",
            },
            {"a.parquet": _people(1), "cut.parquet": _people(3, 4)},
        ),
        [(2, "p2")],
        (Books(inserted=1, quarantined=3), Books(inserted=3)),
        then=[(1, "p1"), (2, "p2"), (3, "p3"), (4, "p4")],
        write=KEYED,
        lane=[("_record.parse", "name, NAME"), ("_record.parse", "cut.parquet"), ("_record.parse", "not.parquet")],
        told=["a.parquet", "cut.parquet", "not.parquet"],
    ),
    "nested": Odd(
        "id! int\naddress string\ntags string {logicalType: array}\ncode string",
        PARQUET,
        (
            {
                "a.parquet": parquet(
                    {
                        "id": ints([1, 2]),
                        "address": pa.array([{"city": "Ulm", "floor": 3}, None]),
                        "tags": pa.array([[1, None], []], pa.list_(pa.int64())),
                        "code": pa.array([b"abc", b"\xff\xfe"], pa.binary()),
                    }
                ),
                "b{x}[1].parquet": parquet({"ID": ints([3]), "Address": pa.array(["by hand"])}),
            },
            NOTHING,
        ),
        [(1, '{"city":"Ulm","floor":3}', "[1,null]", "abc"), (3, "by hand", None, None)],
        (Books(inserted=2, quarantined=1), Books()),
        write=KEYED,
        lane=[("code.type", '"id":2')],
    ),
}
