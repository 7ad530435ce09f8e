"""A bad row is recognised in whatever notation its values come back."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.ledger import BRONZE_TABLES, identifying_fields, identity

ORDERS = "bronze.snowflake_orders"


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))
def test_timestamps_are_the_same_in_every_notation(moment: datetime) -> None:
    text = moment.isoformat(timespec="microseconds")
    notations = [moment, moment.isoformat(), text, f"{text}Z", f"{text}+00:00", text.replace("T", " ")]
    if moment.microsecond % 1000 == 0:
        notations.append(moment.isoformat(timespec="milliseconds") + "Z")
    assert len({identity(ORDERS, {"updated_at": notation}) for notation in notations}) == 1


@given(st.integers(-(10**12), 10**12))
def test_numbers_are_the_same_in_every_notation(number: int) -> None:
    notations = (number, str(number), Decimal(number), float(number))
    assert len({identity("bronze.kafka_events", {"offset": notation}) for notation in notations}) == 1


def test_names_may_be_those_of_the_source_or_of_bronze() -> None:
    source = {"Id": "ACC-00001", "SystemModstamp": "2025-03-01T10:00:00.000Z", "Name": None}
    bronze = {"account_id": "ACC-00001", "system_modstamp": datetime(2025, 3, 1, 10)}
    assert identity("bronze.crm_accounts", source) == identity("bronze.crm_accounts", bronze)


def test_an_accounts_id_is_not_taken_for_that_of_its_contact() -> None:
    contact = {"Id": "CON-000001", "AccountId": "ACC-00001", "SystemModstamp": "2025-03-01T10:00:00.000Z"}
    assert identity("bronze.crm_contacts", contact) == ("CON-000001", "2025-03-01 10:00:00.000000")


def test_absent_and_null_are_the_same_but_empty_is_not() -> None:
    assert identity(ORDERS, {}) == identity(ORDERS, {"order_id": None}) == (None,) * 5
    assert identity(ORDERS, {"ORDER_ID": ""}) == ("", None, None, None, None)


def test_unreadable_records_are_known_by_their_text() -> None:
    payload = {"_corrupt_record": "order_events,1,4\n", "topic": "order_events", "partition": "1"}
    assert identity("bronze.kafka_events", payload) == ("_corrupt_record", "order_events,1,4")


def test_other_values() -> None:
    assert identity("bronze.fx_rates", {"rate_date": date(2025, 3, 3)})[0] == "2025-03-03"
    assert identity("bronze.snowflake_products", {"product_name": True}) == (None, "true")


@pytest.mark.parametrize("table", sorted(BRONZE_TABLES.values()))
def test_every_bronze_table_has_identifying_fields(table: str) -> None:
    payload = dict.fromkeys(identifying_fields(table), "1")
    assert identity(table, payload) == ("1",) * len(payload)


def test_other_tables_have_none() -> None:
    with pytest.raises(KeyError):
        identity("silver.orders", {})
