"""The nine sources as they are declared on their own side: looser than the contracts, as in life."""

from __future__ import annotations

from sandbox.shop.model import SourceColumn, SourceTable

NEW_COLUMN_DAY = 5
"""The shop day on which SALES_CHANNEL and device appear."""


def _table(name: str, *columns: tuple[str, str] | tuple[str, str, int]) -> SourceTable:
    return SourceTable(name, tuple(SourceColumn(*column) for column in columns))


CUSTOMERS = _table(
    "SALES.CUSTOMERS",
    ("CUSTOMER_ID", "VARCHAR"),
    ("FIRST_NAME", "VARCHAR"),
    ("LAST_NAME", "VARCHAR"),
    ("EMAIL", "VARCHAR"),
    ("PHONE", "VARCHAR"),
    ("STREET", "VARCHAR"),
    ("CITY", "VARCHAR"),
    ("POSTAL_CODE", "VARCHAR"),
    ("COUNTRY", "VARCHAR"),
    ("SEGMENT", "VARCHAR"),
    ("DATE_OF_BIRTH", "VARCHAR"),
    ("MARKETING_OPT_IN", "BOOLEAN"),
    ("CREATED_AT", "TIMESTAMP_NTZ"),
    ("UPDATED_AT", "TIMESTAMP_NTZ"),
    ("IS_DELETED", "BOOLEAN"),
)

ORDERS = _table(
    "SALES.ORDERS",
    ("ORDER_ID", "VARCHAR"),
    ("LINE_NUMBER", "NUMBER(38,0)"),
    ("CUSTOMER_ID", "VARCHAR"),
    ("PRODUCT_ID", "VARCHAR"),
    ("STATUS", "VARCHAR"),
    ("QUANTITY", "VARCHAR"),
    ("UNIT_PRICE", "NUMBER(18,2)"),
    ("DISCOUNT", "NUMBER(5,4)"),
    ("CURRENCY", "VARCHAR"),
    ("ORDERED_AT", "TIMESTAMP_NTZ"),
    ("ORDER_DATE", "DATE"),
    ("UPDATED_AT", "TIMESTAMP_NTZ"),
    ("IS_DELETED", "BOOLEAN"),
    ("SALES_CHANNEL", "VARCHAR", NEW_COLUMN_DAY),
)

PRODUCTS = _table(
    "SALES.PRODUCTS",
    ("PRODUCT_ID", "VARCHAR"),
    ("PRODUCT_NAME", "VARCHAR"),
    ("CATEGORY", "VARCHAR"),
    ("LIST_PRICE", "VARCHAR"),
    ("CURRENCY", "VARCHAR"),
    ("IS_ACTIVE", "BOOLEAN"),
)

BEHAVIOR = _table(
    "analytics.behavior",
    ("event_id", "VARCHAR(64)"),
    ("customer_id", "VARCHAR(64)"),
    ("session_id", "VARCHAR(64)"),
    ("event_type", "VARCHAR(64)"),
    ("page_url", "VARCHAR(2048)"),
    ("campaign", "VARCHAR(256)"),
    ("duration_seconds", "DOUBLE PRECISION"),
    ("event_at", "TIMESTAMP"),
    ("loaded_at", "TIMESTAMP"),
)

ACCOUNT = _table(
    "Account",
    ("Id", "json"),
    ("Name", "json"),
    ("Industry", "json"),
    ("Tier__c", "json"),
    ("OwnerEmail__c", "json"),
    ("AnnualRevenue", "json"),
    ("BillingCountryCode", "json"),
    ("CreatedDate", "json"),
    ("SystemModstamp", "json"),
    ("IsDeleted", "json"),
)

CONTACT = _table(
    "Contact",
    ("Id", "json"),
    ("AccountId", "json"),
    ("CustomerId__c", "json"),
    ("FirstName", "json"),
    ("LastName", "json"),
    ("Email", "json"),
    ("Phone", "json"),
    ("Title", "json"),
    ("HasOptedOutOfEmail", "json"),
    ("SystemModstamp", "json"),
    ("IsDeleted", "json"),
)

OPPORTUNITY = _table(
    "Opportunity",
    ("Id", "json"),
    ("AccountId", "json"),
    ("Name", "json"),
    ("StageName", "json"),
    ("Amount", "json"),
    ("CurrencyIsoCode", "json"),
    ("Probability", "json"),
    ("CloseDate", "json"),
    ("SystemModstamp", "json"),
    ("IsDeleted", "json"),
)

FX_RATES = _table(
    "fx",
    ("rate_date", "json"),
    ("base_currency", "json"),
    ("currency", "json"),
    ("rate", "json"),
    ("published_at", "json"),
)

ORDER_EVENTS = _table(
    "kafka/order_events",
    ("topic", "csv"),
    ("partition", "csv"),
    ("offset", "csv"),
    ("event_id", "csv"),
    ("order_id", "csv"),
    ("event_type", "csv"),
    ("event_at", "csv"),
    ("payload", "csv"),
    ("device", "csv", NEW_COLUMN_DAY),
)

APPEND_TABLES = (CUSTOMERS, ORDERS, BEHAVIOR)
CRM_OBJECTS = (ACCOUNT, CONTACT, OPPORTUNITY)

CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "CAD", "AUD")
"""Currencies that orders, products and opportunities may use."""
