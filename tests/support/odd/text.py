"""CSV of every hand: line ends, headers, quotes, encodings, numbers and days as people write them."""

from __future__ import annotations

import bz2
import gzip
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa

from tests.support.odd import NOTHING, Books, Odd, lines

PEOPLE = "id! int\nname string"
KEYED = {"mode": "append", "keys": ["id"]}
NUMBERS = "id! int\namount decimal(18,2)\nratio double\nqty int"
TIMES = "id! int\nday date\nseen_at timestamp"


def csv(**options: object) -> dict[str, object]:
    return {"format": "csv", "options": options}


TEXT = {
    "line_ends": Odd(
        PEOPLE,
        csv(),
        (
            {
                "mac.csv": lines("id,name", "1,Ann", '2,"Bo\rb"', "3,Cid", end="\r"),
                "windows.csv.gz": gzip.compress(lines("id,name", "4,Dee", end="\r\n").encode()),
                "no end.csv.bz2": bz2.compress(b"\xef\xbb\xbfid,name\n5,Eve"),
                "small.csv.zst": pa.compress(b"name,id\nFay,6\n", codec="zstd", asbytes=True),
            },
            NOTHING,
        ),
        [(1, "Ann"), (2, "Bo\rb"), (3, "Cid"), (4, "Dee"), (5, "Eve"), (6, "Fay")],
        (Books(inserted=6), Books()),
        write=KEYED,
    ),
    "odd_numbers": Odd(
        NUMBERS,
        csv(),
        (
            {
                "n.csv": lines(
                    "id,amount,ratio,qty",
                    "1,99.995,1.5,3",
                    "2,1e-3,12D,4",
                    "3,1E+3,0x1p3,5",
                    "4,12.50-,9f,6",
                    "5,7,NaN,7",
                    "6,8,-Infinity,8",
                    "7,9,1e999,9",
                    "8,10,2,5.0",
                    "9,11,3,1e3",
                    "10,+0.10,0.1,+007",
                    '11,"1,5",1,1',
                    "12,1_000,1,1",
                    "13,١٢,1,1",
                    "14,,,",
                    "15, 2.5000 ,1,12.5",
                    "16,99999999999999999,1,1",
                    "17,1,0.1000000000000000055511151231257827,1",
                    "18,1,1,2147483648",
                )
            },
            NOTHING,
        ),
        [
            (5, Decimal("7.00"), float("nan"), 7),
            (6, Decimal("8.00"), float("-inf"), 8),
            (8, Decimal("10.00"), 2.0, 5),
            (9, Decimal("11.00"), 3.0, 1000),
            (10, Decimal("0.10"), 0.1, 7),
            (14, None, None, None),
        ],
        (Books(inserted=6, quarantined=12), Books()),
        write=KEYED,
        lane=[
            ("amount.type", "99.995"),
            ("amount.type ratio.type", "12D"),
            ("ratio.type", "0x1p3"),
            ("amount.type ratio.type", "12.50-"),
            ("ratio.type", "1e999"),
            ("amount.type", "1,5"),
            ("amount.type", "1_000"),
            ("amount.type", "١٢"),
            ("qty.type", "12.5"),
            ("amount.type", "99999999999999999"),
            ("ratio.type", "0.1000000000000000055511151231257827"),
            ("qty.type", "2147483648"),
        ],
    ),
    "odd_times": Odd(
        TIMES,
        csv(),
        (
            {
                "t.csv": lines(
                    "id,day,seen_at",
                    "1,2025-03-01,2025-03-01T10:00:00Z",
                    "2,2025-3-1,2025-03-01 10:00",
                    "3,2025-03,",
                    "4,2025-03-01 to 2025-03-05,",
                    "5,,2025-03-01T10:00:00 BST",
                    "6,,2025-03-01T10:00:00 Europe/Berlin",
                    "7,2025-03-01T12:00:00Z,",
                    "8,2025-03-01T00:00:00Z,2025-03-01",
                    "9,,2025-03-30T02:30:00 Europe/Berlin",
                    "10,,2025-10-26T02:30:00 Europe/Berlin",
                    "11,,2025-03-01T10:00:00.1234567+01:00",
                    "12,,2025-03-01T10:00:00.1230000+0100",
                    "13,,2025-03-01T24:00:00Z",
                    "14,1582-10-10,0001-01-01T00:00:00Z",
                    "15,2025-02-29,",
                )
            },
            NOTHING,
        ),
        [
            (1, date(2025, 3, 1), datetime(2025, 3, 1, 10)),
            (2, date(2025, 3, 1), datetime(2025, 3, 1, 10)),
            (6, None, datetime(2025, 3, 1, 9)),
            (8, date(2025, 3, 1), datetime(2025, 3, 1)),
            (12, None, datetime(2025, 3, 1, 9, 0, 0, 123000)),
            (14, date(1582, 10, 10), datetime(1, 1, 1)),
        ],
        (Books(inserted=6, quarantined=9), Books()),
        write=KEYED,
        lane=[
            *(("day.type", day) for day in ("2025-03", "to 2025-03-05", "2025-03-01T12:00:00Z", "2025-02-29")),
            *(("seen_at.type", time) for time in ("BST", "03-30T02:30", "10-26T02:30", ".1234567", "T24:00")),
        ],
    ),
    "no_header": Odd(
        PEOPLE,
        csv(),
        (
            {"good.csv": lines("ID , Name", "1,Ann"), "bare.csv": lines("2,Bob", "3,Cid", "4,Dee")},
            {"bare.csv": lines("id,name", "2,Bob", "3,Cid", "4,Dee")},
        ),
        [(1, "Ann")],
        (Books(inserted=1, quarantined=3), Books(inserted=3)),
        then=[(1, "Ann"), (2, "Bob"), (3, "Cid"), (4, "Dee")],
        write=KEYED,
        lane=[("_record.parse", "2,Bob"), ("_record.parse", "3,Cid"), ("_record.parse", "4,Dee")],
        told=["bare.csv: its header is missing", "from ID to id", "from Name to name"],
    ),
    "headless": Odd(
        PEOPLE,
        csv(header=False, sep="|", quote="'", null_values=["N/A", "\\N"]),
        ({"a.csv": lines("1|'An|n'", "2|N/A", "3|\\N", "4|''", "id|name", "5|x|y")}, NOTHING),
        [(1, "An|n"), (2, None), (3, None), (4, "")],
        (Books(inserted=4, quarantined=2), Books()),
        write=KEYED,
        lane=[("id.type", "name"), ("_record.parse", "5|x|y")],
    ),
    "ragged": Odd(
        PEOPLE,
        csv(comment="#"),
        (
            {
                "a.csv": lines(
                    "# from the shop in Ulm",
                    "id,name",
                    "1,Ann",
                    "2",
                    "3,Cid,more",
                    "id,name",
                    "# 4,Dee",
                    '5,"two\nlines, and ""quotes"""',
                    "",
                    '6,"Fay"x',
                    "7, G ",
                    ",nobody",
                )
            },
            # A quote that is open at the end takes nothing of the next file with it.
            {"b.csv": lines("id,name", "8,Hal") + '9,"Ivy', "c.csv": lines("id,name", "10,Joe")},
        ),
        [(1, "Ann"), (5, 'two\nlines, and "quotes"'), (7, " G ")],
        (Books(inserted=3, quarantined=5), Books(inserted=2, quarantined=1)),
        then=[(1, "Ann"), (5, 'two\nlines, and "quotes"'), (7, " G "), (8, "Hal"), (10, "Joe")],
        write=KEYED,
        lane=[
            ("_record.parse", "2"),
            ("_record.parse", "3,Cid,more"),
            ("id.type", "name"),
            ("_record.parse", "Fay"),
            ("id.required", "nobody"),
            ("_record.parse", "Ivy"),
        ],
    ),
    "central_bank": Odd(
        "day! date\nusd decimal(18,6)\njpy decimal(18,6)",
        csv(null_values=["N/A"]),
        (
            {"rates.csv": lines("Day, USD, JPY,", "2025-03-06,1.0816,160.02,", "2025-03-05,1.0694,N/A,")},
            {"rates.csv": lines("Day, USD, JPY,", "2025-03-07,1.0857,160.19,", "2025-03-06,1.0816,160.02,")},
        ),
        [
            (date(2025, 3, 5), Decimal("1.069400"), None),
            (date(2025, 3, 6), Decimal("1.081600"), Decimal("160.020000")),
        ],
        (Books(inserted=2), Books(inserted=1, unchanged=1)),
        then=[
            (date(2025, 3, 5), Decimal("1.069400"), None),
            (date(2025, 3, 6), Decimal("1.081600"), Decimal("160.020000")),
            (date(2025, 3, 7), Decimal("1.085700"), Decimal("160.190000")),
        ],
        write={"mode": "append", "keys": ["day"]},
    ),
    "backslashes": Odd(
        PEOPLE,
        csv(escape="\\"),
        (
            {"a.csv": lines("id,name", r'1,"say \"hi\""', r'2,"C:\\"', '3,"one\ntwo \\" and"', r"4,C:\temp \ x")},
            NOTHING,
        ),
        [(1, 'say "hi"'), (2, "C:\\"), (3, 'one\ntwo " and'), (4, r"C:\temp \ x")],
        (Books(inserted=4), Books()),
        write=KEYED,
    ),
    "utf16": Odd(
        PEOPLE,
        csv(encoding="UTF-16", sep="\t"),
        ({"excel.csv": lines("id\tname", "1\tZoë", "2\t北京 😀", end="\r\n").encode("utf-16")}, NOTHING),
        [(1, "Zoë"), (2, "北京 😀")],
        (Books(inserted=2), Books()),
        write=KEYED,
    ),
    "latin": Odd(
        PEOPLE,
        csv(),
        (
            {"a.csv": "id,name\n1,Zoë\n".encode(), "b.csv": "id,name\n2,Noël\n3,Eve\n".encode("latin-1")},
            {"c.csv": b"id,name\n4,nul\x00\n"},
        ),
        [(1, "Zoë"), (3, "Eve")],
        (Books(inserted=2, quarantined=1), Books(quarantined=1)),
        write=KEYED,
        lane=[("_record.parse", "2,No"), ("name.characters", "nul")],
    ),
    "one_column": Odd(
        "name string",
        csv(),
        ({"a.csv": "name\nAnn\n\nBob\n\n"}, {"b.csv": "name\n\n"}),
        [("Ann",), ("Bob",), (None,), (None,)],
        (Books(inserted=4), Books(inserted=1)),
        then=[("Ann",), ("Bob",), (None,), (None,), (None,)],
    ),
    "odd_names": Odd(
        PEOPLE,
        csv(),
        (
            {
                "orders.csv": lines("id,name", "1,plain"),
                "orders[1].csv": lines("id,name", "2,brackets"),
                "orders{a,b}.csv": lines("id,name", "3,braces"),
                "100% of it?.csv": lines("id,name", "4,percent"),
                "10:30.csv": lines("id,name", "5,colon"),
                " blank .csv": lines("id,name", "6,blanks"),
                "two\nlines.csv": lines("id,name", "7,newline"),
                "*.csv": lines("id,name", "8,star"),
                "a+b%20c#d.csv": lines("id,name", "9,encoded"),
                "_SUCCESS": "",
                "_draft.csv": lines("id,name", "90,hidden"),
                ".orders.csv": lines("id,name", "91,hidden"),
                "late.csv": lines("id,name", "10,first"),
            },
            # Its name is known, and its content is not.
            {"late.csv": lines("id,name", "10,first", "11,second"), "orders.csv": lines("id,name", "12,shorter")},
        ),
        [
            *((number, name) for number, name in enumerate(("plain", "brackets", "braces", "percent", "colon"), 1)),
            *((number, name) for number, name in enumerate(("blanks", "newline", "star", "encoded", "first"), 6)),
        ],
        (Books(inserted=10), Books(inserted=2, unchanged=1)),
        then=[
            *((number, name) for number, name in enumerate(("plain", "brackets", "braces", "percent", "colon"), 1)),
            *((number, name) for number, name in enumerate(("blanks", "newline", "star", "encoded", "first"), 6)),
            (11, "second"),
            (12, "shorter"),
        ],
        write=KEYED,
        told=["_draft.csv"],
    ),
}
