from __future__ import annotations

from tidemark.errors import TidemarkError, choose, close_match, told_lines


def test_a_near_name_is_asked_for_in_any_case() -> None:
    assert close_match("Ordr_ID", ["order_id", "customer_id"]) == "order_id"
    assert choose("ordr_id", ["order_id", "customer_id"]) == "did you mean `order_id`?"


def test_without_a_near_name_everything_is_listed_in_order() -> None:
    assert close_match("zzz", ["b", "a"]) is None
    assert choose("zzz", ["b", "a", "b"]) == "use one of: a, b"


def test_nothing_to_choose_from_is_said() -> None:
    assert choose("x", []) == "there is nothing to use yet"


def test_an_error_that_repeats_another_shows_where_its_evidence_lies() -> None:
    inner = TidemarkError("no file", table="silver.orders", seen=["  next one is mine"], evidence="s3://of/ours")
    told = str(TidemarkError("not ended", seen=told_lines(inner)))
    assert told.splitlines() == [
        "not ended",
        "  silver.orders: no file",
        "    ·   next one is mine",
        "    evidence  s3://of/ours",
    ]
