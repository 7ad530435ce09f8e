"""The gold dimensions as they must be."""

from __future__ import annotations

from datetime import date, timedelta

from sandbox.ledger.calculation import UNKNOWN_SK, date_sk, mask_email, mask_name, mask_phone, picked, sha256
from sandbox.ledger.history import history, surrogate_key, unknown_member
from sandbox.ledger.silver import Lookup, Table

_DIM_CUSTOMER = (
    "customer_sk", "customer_id", "first_name", "last_name", "email", "phone", "city", "country", "segment",
    "valid_from", "valid_to", "is_current",
)  # fmt: skip
_DIM_ACCOUNT = (
    "account_sk", "account_id", "account_name", "industry", "tier", "owner_email", "annual_revenue", "country",
    "valid_from", "valid_to", "is_current",
)  # fmt: skip
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def dim_customer(table: Lookup) -> Table:
    """Customers over time, masked, and the unknown member."""
    periods = history(
        table("silver.customer_versions"),
        key="customer_id",
        track=("email", "segment", "country", "city"),
        overwrite=("first_name", "last_name", "phone"),
    )
    found = [
        picked(
            period
            | {
                "customer_sk": surrogate_key(period["customer_id"], period["valid_from"]),
                "first_name": mask_name(period["first_name"]),
                "last_name": mask_name(period["last_name"]),
                "email": mask_email(period["email"]),
                "phone": mask_phone(period["phone"]),
            },
            *_DIM_CUSTOMER,
        )
        for period in periods
    ]
    return [*found, unknown_member(_DIM_CUSTOMER, "customer_id", "customer_sk")]


def dim_account(table: Lookup) -> Table:
    """Accounts over time, masked, and the unknown member."""
    periods = history(
        table("silver.account_versions"),
        key="account_id",
        track=("account_name", "industry", "tier", "country"),
        overwrite=("owner_email", "annual_revenue"),
    )
    found = [
        picked(
            period
            | {
                "account_sk": surrogate_key(period["account_id"], period["valid_from"]),
                "owner_email": mask_email(period["owner_email"]),
            },
            *_DIM_ACCOUNT,
        )
        for period in periods
    ]
    return [*found, unknown_member(_DIM_ACCOUNT, "account_id", "account_sk")]


def dim_product(table: Lookup) -> Table:
    """Products as they are now, and the unknown one."""
    columns = ("product_id", "product_name", "category", "list_price", "currency", "is_active", "is_discontinued")
    known = [{"product_sk": sha256(row["product_id"])[:32]} | picked(row, *columns) for row in table("silver.products")]
    unknown = dict.fromkeys(columns) | dict.fromkeys(columns[:3], "unknown")
    return [*known, {"product_sk": UNKNOWN_SK} | unknown]


def dim_date(_: Lookup) -> Table:
    """Every day of twenty years."""
    first, last = date(2015, 1, 1), date(2034, 12, 31)
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [
        {
            "date_sk": date_sk(day),
            "date": day,
            "year": day.year,
            "quarter": (day.month + 2) // 3,
            "month": day.month,
            "day": day.day,
            "day_of_week": day.isoweekday(),
            "week_of_year": day.isocalendar().week,
            "month_name": _MONTHS[day.month - 1],
            "is_weekend": day.isoweekday() > 5,
        }
        for day in days
    ]
