"""The shop: an invented company whose nine source systems fill up day by day, the same for the same seed.

`Shop(seed, scale, start).day(n)` is a `Day`: what becomes visible in each source on shop day n.

    from sandbox.shop import Shop, arrow_table, CUSTOMERS

    day = Shop(seed=7).day(1)
    day.inserts["SALES.CUSTOMERS"].rows          # tuples, in the order of .columns (names and SQL types)
    arrow_table(day.inserts["SALES.CUSTOMERS"])  # the same as a pyarrow table
    day.products.rows                            # the whole of SALES.PRODUCTS as of that day
    day.crm["Account"].records()                 # JSON-ready records to upsert by Id
    day.files                                    # {"fx/dt=2025-03-03/rates.json": b"[…]", …}

Columns: `CUSTOMERS`, `ORDERS`, `PRODUCTS`, `BEHAVIOR`, `ACCOUNT`, `CONTACT`, `OPPORTUNITY` are `SourceTable`s;
`table.columns_on(day)` leaves out a column that the source does not have yet (SALES_CHANNEL before day 5), and a
batch's `.columns` are those of its day.
"""

from sandbox.shop.arrow import arrow_table
from sandbox.shop.model import DUPLICATE, GOOD, Batch, Day, Note, Row, SourceColumn, SourceTable
from sandbox.shop.schema import (
    ACCOUNT,
    APPEND_TABLES,
    BEHAVIOR,
    CONTACT,
    CRM_OBJECTS,
    CURRENCIES,
    CUSTOMERS,
    FX_RATES,
    NEW_COLUMN_DAY,
    OPPORTUNITY,
    ORDER_EVENTS,
    ORDERS,
    PRODUCTS,
)
from sandbox.shop.shop import Poison, Shop

__all__ = [
    "ACCOUNT",
    "APPEND_TABLES",
    "BEHAVIOR",
    "CONTACT",
    "CRM_OBJECTS",
    "CURRENCIES",
    "CUSTOMERS",
    "DUPLICATE",
    "FX_RATES",
    "GOOD",
    "NEW_COLUMN_DAY",
    "OPPORTUNITY",
    "ORDERS",
    "ORDER_EVENTS",
    "PRODUCTS",
    "Batch",
    "Day",
    "Note",
    "Poison",
    "Row",
    "Shop",
    "SourceColumn",
    "SourceTable",
    "arrow_table",
]
