"""JSON with numbers no double holds, keys that come twice, half characters, and values inside values."""

from __future__ import annotations

import gzip
from decimal import Decimal

from tests.support.odd import NOTHING, Books, Odd, lines

KEYED = {"mode": "append", "keys": ["id"]}
JSON = {"format": "json"}

NESTED = {
    "long_numbers": Odd(
        "id! int\namount decimal(38,18)\nbig bigint\nnote string\ntags string {logicalType: array}",
        JSON,
        (
            {
                "a.json": lines(
                    '{"id": 1, "amount": 98765432109876543.21, "big": 9007199254740993, "note": "1.10"}',
                    '{"id": 2, "amount": 0.123456789012345678, "big": 9223372036854775807,'
                    ' "note": {"price":10.00,"wei":1000000000000000000001}, "tags": [1.10,"x",null]}',
                    '{"id": 3, "amount": 0.1234567890123456789, "big": 1}',
                    '{"id": 4, "amount": "0.50", "big": 9223372036854775808}',
                    '{"id": 5, "amount": 1e400}',
                    '{"id": 6, "tags": "none"}',
                    '{"id": 7, "tags": {"a": 1}}',
                ),
                "b.json.gz": gzip.compress(
                    b'[{"id": 8, "amount": 1.10, "big": 1e3, "note": [1.0,{"a":null}]},\n {"id": 9, "note": true}]'
                ),
                "c.json": '{\n  "id": 10,\n  "amount": -0.000000000000000001\n}\n{"id": 11,\n "big": -7.0}\n',
            },
            NOTHING,
        ),
        [
            (1, Decimal("98765432109876543.210000000000000000"), 9007199254740993, "1.10", None),
            (
                2,
                Decimal("0.123456789012345678"),
                9223372036854775807,
                '{"price":10.00,"wei":1000000000000000000001}',
                '[1.10,"x",null]',
            ),
            (8, Decimal("1.100000000000000000"), 1000, '[1.0,{"a":null}]', None),
            (9, None, None, "true", None),
            (10, Decimal("-0.000000000000000001"), None, None, None),
            (11, None, -7, None, None),
        ],
        (Books(inserted=6, quarantined=5), Books()),
        write=KEYED,
        lane=[
            ("amount.type", "0.1234567890123456789"),
            ("big.type", "9223372036854775808"),
            ("amount.type", "1e400"),
            ("tags.type", "none"),
            ("tags.type", '"id":"7"'),
        ],
    ),
    "keys_by_case": Odd(
        "id! int\namount int\nnote string",
        JSON,
        (
            {
                "a.json": lines(
                    '{"id":1,"Amount":5}',
                    '{"ID":2,"amount":7.0}',
                    '{"id":3,"Amount":5,"amount":7}',
                    '{"id":4,"amount":8,"amount":9}',
                    '{"id":5,"AMOUNT":null}',
                    r'{"id":6,"note":"half \ud83d of one"}',
                    r'{"id":7,"note":"nul \u0000"}',
                    '{"id":8,"amount":NaN}',
                    '{"id":9,"amount":1,}',
                    r'{"id":10,"note":"whole \ud83d\ude00, \"quoted\" \u0041"}',
                    '{"id":11,"amount":1.5}',
                    '{"id":12,"note":"cut o',
                    '{"amount":1}',
                )
            },
            # One that is broken anywhere is broken as a whole, and stops nothing.
            {"b.json": '[{"id":13,"amount":1},\n {"id":14,"amount":}]', "c.json": '[{"id":15,"amount":15}]'},
        ),
        [(1, 5, None), (2, 7, None), (5, None, None), (10, None, 'whole 😀, "quoted" A')],
        (Books(inserted=4, quarantined=9), Books(inserted=1, quarantined=1)),
        then=[(1, 5, None), (2, 7, None), (5, None, None), (10, None, 'whole 😀, "quoted" A'), (15, 15, None)],
        write=KEYED,
        lane=[
            *(("_record.parse", f'"id\\":{number},') for number in (3, 4, 6, 8, 9, 12)),
            ("note.characters", "nul"),
            ("amount.type", "1.5"),
            ("id.required", '"AMOUNT":"1"'),
            ("_record.parse", '"id\\":13'),
        ],
        told=["changed its name from AMOUNT to amount", "changed its name from ID to id"],
    ),
}
