"""What a table is: an ODCS v3.2 document, read with line numbers and frozen into the few things the engine compiles.

Not here: what they are compiled into.
"""

from tidemark.config.contract.model import (
    LAYERS,
    MASKS,
    SUFFIX,
    About,
    Check,
    Column,
    Comparison,
    Contract,
    Freshness,
    Reference,
    Service,
)
from tidemark.config.contract.odcs import load_contract, read_contract

__all__ = [
    "LAYERS",
    "MASKS",
    "SUFFIX",
    "About",
    "Check",
    "Column",
    "Comparison",
    "Contract",
    "Freshness",
    "Reference",
    "Service",
    "load_contract",
    "read_contract",
]
