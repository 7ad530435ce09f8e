"""The shop's ledger of the truth: what every table must hold, and which rows are bad and why.

    from sandbox.ledger import Ledger, identity
    from sandbox.shop import Shop

    ledger = Ledger(Shop(seed=7), days=31, runs=[30, 31])
    ledger.expected("gold.fact_sales")                  # list of dicts, sorted by ledger.key("gold.fact_sales")
    ledger.received("bronze.snowflake_orders")          # rows that bronze must hold
    ledger.bronze_rejects("bronze.snowflake_orders")    # {identity: frozenset({"quantity.type", …})}
    identity("bronze.snowflake_orders", payload)        # the same identity from a payload of the error lane

The shop notes what it means by each row when it makes it; the ledger never asks a validation rule.
"""

from sandbox.ledger.calculation import UNKNOWN_SK
from sandbox.ledger.identity import Identity, identifying_fields, identity
from sandbox.ledger.ledger import Ledger
from sandbox.ledger.typed import BRONZE_TABLES

__all__ = ["BRONZE_TABLES", "UNKNOWN_SK", "Identity", "Ledger", "identifying_fields", "identity"]
