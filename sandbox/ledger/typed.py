"""Good rows of the sources as typed records in the names of the bronze tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sandbox.shop import (
    ACCOUNT,
    BEHAVIOR,
    CONTACT,
    CUSTOMERS,
    FX_RATES,
    OPPORTUNITY,
    ORDER_EVENTS,
    ORDERS,
    PRODUCTS,
    Batch,
)

Record = dict[str, Any]

BRONZE_TABLES = {
    CUSTOMERS.name: "bronze.snowflake_customers",
    ORDERS.name: "bronze.snowflake_orders",
    PRODUCTS.name: "bronze.snowflake_products",
    BEHAVIOR.name: "bronze.redshift_behavior",
    ACCOUNT.name: "bronze.crm_accounts",
    CONTACT.name: "bronze.crm_contacts",
    OPPORTUNITY.name: "bronze.crm_opportunities",
    FX_RATES.name: "bronze.fx_rates",
    ORDER_EVENTS.name: "bronze.kafka_events",
}
"""Source → the bronze table that receives it."""

_CRM_NAMES = {
    ACCOUNT.name: {
        "Id": "account_id",
        "Name": "account_name",
        "Industry": "industry",
        "Tier__c": "tier",
        "OwnerEmail__c": "owner_email",
        "AnnualRevenue": "annual_revenue",
        "BillingCountryCode": "country",
        "CreatedDate": "created_at",
    },
    CONTACT.name: {
        "Id": "contact_id",
        "AccountId": "account_id",
        "CustomerId__c": "customer_id",
        "FirstName": "first_name",
        "LastName": "last_name",
        "Email": "email",
        "Phone": "phone",
        "Title": "title",
        "HasOptedOutOfEmail": "opted_out",
    },
    OPPORTUNITY.name: {
        "Id": "opportunity_id",
        "AccountId": "account_id",
        "Name": "opportunity_name",
        "StageName": "stage",
        "Amount": "amount",
        "CurrencyIsoCode": "currency",
        "Probability": "probability",
        "CloseDate": "close_date",
    },
}
_CRM_COMMON = {"SystemModstamp": "system_modstamp", "IsDeleted": "is_deleted"}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix("Z"))


def _amount(value: Any) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.01"))


def _rate(value: Any) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.00000001"))


_CONVERSIONS: dict[str, dict[str, Callable[[Any], Any]]] = {
    CUSTOMERS.name: {"date_of_birth": date.fromisoformat},
    ORDERS.name: {"quantity": int, "line_number": int},
    PRODUCTS.name: {"list_price": _amount},
    BEHAVIOR.name: {},
    ACCOUNT.name: {"annual_revenue": _amount, "created_at": _moment, "system_modstamp": _moment},
    CONTACT.name: {"system_modstamp": _moment},
    OPPORTUNITY.name: {
        "amount": _amount,
        "probability": int,
        "close_date": date.fromisoformat,
        "system_modstamp": _moment,
    },
    FX_RATES.name: {"rate_date": date.fromisoformat, "rate": _rate, "published_at": _moment},
    ORDER_EVENTS.name: {"partition": int, "offset": int, "event_at": _moment},
}


def bronze_names(batch: Batch) -> tuple[str, ...]:
    """The bronze column names of a batch's columns, in their order."""
    if batch.source in _CRM_NAMES:
        names = _CRM_NAMES[batch.source] | _CRM_COMMON
        return tuple(names[name] for name in batch.column_names)
    return tuple(name.lower() for name in batch.column_names)


def typed_records(batch: Batch, kind: str = "good") -> list[Record]:
    """The batch's rows of one kind (`good` or `duplicate`: whatever can be read) as typed records."""
    names = bronze_names(batch)
    conversions = [_CONVERSIONS[batch.source].get(name) for name in names]
    columns = [(index, name, convert) for index, (name, convert) in enumerate(zip(names, conversions, strict=True))]
    return [
        {
            name: row[index] if convert is None or row[index] is None else convert(row[index])
            for index, name, convert in columns
        }
        for row, note in zip(batch.rows, batch.notes, strict=True)
        if note.kind == kind
    ]
