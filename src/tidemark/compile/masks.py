"""Contract → masks: what readers of gold may see of personal data. Null stays null."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from tidemark.config.contract import Contract

_HIDDEN = "***"
_WHOLE_REST = 2**31 - 1


def masked(contract: Contract, column_name: str) -> Column:
    """The column as readers of its table may see it: masked in gold, as it is in the layers below.

    In bronze and silver a mask only marks personal data and says what gold has to do with it.
    """
    mask = contract.column(column_name).mask
    value = F.col(column_name)
    return value if mask is None or contract.layer != "gold" else _MASKS[mask](value)


def _email(value: Column) -> Column:
    """`anna@example.org` → `a***@example.org`; a value without `@` shows nothing behind it."""
    at = F.instr(value, "@")
    domain = F.when(at > 0, value.substr(at + 1, F.lit(_WHOLE_REST))).otherwise("")
    return F.concat(F.substring(value, 1, 1), F.lit(f"{_HIDDEN}@"), domain)


def _phone(value: Column) -> Column:
    """`+49 170 1234567` → `***67`."""
    return F.concat(F.lit(_HIDDEN), F.substring(value, -2, 2))


def _name(value: Column) -> Column:
    """`Anna` → `A***`."""
    return F.concat(F.substring(value, 1, 1), F.lit(_HIDDEN))


def _sha256(value: Column) -> Column:
    return F.sha2(value, 256)


def _redact(value: Column) -> Column:
    return F.when(value.isNotNull(), F.lit("[redacted]"))


_MASKS: Mapping[str, Callable[[Column], Column]] = {
    "email": _email,
    "phone": _phone,
    "name": _name,
    "sha256": _sha256,
    "redact": _redact,
}
