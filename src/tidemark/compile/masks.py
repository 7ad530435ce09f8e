"""Contract → masks: what readers of gold may see of personal data. Null stays null."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F

from tidemark.config.contract.model import KEYED_MASKS
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from tidemark.config.contract import Contract

HIDDEN = "***"
REDACTED = "[redacted]"
_SHORT = 4  # characters; of a text that is shorter a letter is too much
_SHORT_PHONE = 7
_DOMAIN = r"^[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)+$"


@dataclass(frozen=True)
class MaskKey:
    """A masking key: its id, and the two blocks that HMAC makes of it, as columns that show nothing of them."""

    id: str
    inner: Column
    outer: Column

    def digest(self, text: Column) -> Column:
        """HMAC-SHA-256 of a text's bytes, which are UTF-8, in hex."""
        message = F.concat(self.inner, text.cast("binary"))
        return F.sha2(F.concat(self.outer, F.unhex(F.sha2(message, 256))), 256)

    def token(self, text: Column) -> Column:
        """The digest behind the id of the key: `k1:9f86…`."""
        return F.concat(F.lit(f"{self.id}:"), self.digest(text))


def masked(
    contract: Contract, column_name: str, key: MaskKey | None = None, *, is_shared: Column | None = None
) -> Column:
    """The column as readers of its table may see it: masked in gold, as it is in the layers below.

    In bronze and silver a mask only marks personal data and says what gold has to do with it. `is_shared`: whether
    enough people share what an e-mail address shows.
    """
    column, value = contract.column(column_name), F.col(f"`{column_name}`")
    if column.mask is None or contract.layer != "gold":
        return value
    if column.mask == "redact":
        return F.when(value.isNotNull(), F.lit(REDACTED)) if column.type == "string" else F.lit(None).cast(column.type)
    if column.mask in _CUTS:
        return _CUTS[column.mask](value.try_cast(column.type)).cast(column.type)
    text = value.cast("string")
    if column.mask in KEYED_MASKS:
        if key is None:
            raise ConfigError(
                f"{contract.table}.{column_name} is masked with a key, and there is none",
                next_step="add `masking: {secret: …, key: …}` to the environment's file",
            )
        return key.token(text)
    shown = _TEXTS[column.mask](text)
    shown = shown if is_shared is None else F.when(is_shared, shown).otherwise(HIDDEN)
    return F.when(text.isNotNull(), shown)


def domain(value: Column) -> Column:
    """The domain of an e-mail address, in lower case; empty where there is none."""
    text = value.cast("string")
    return F.when(_is_address(text), F.lower(_behind(text))).otherwise("")


def _email(value: Column) -> Column:
    """`anna@example.org` → `a***@example.org`, `bo@example.org` → `***@example.org`; no address shows nothing."""
    local = F.length(value) - F.length(_behind(value)) - 1
    first = F.when(local >= _SHORT, F.substring(value, 1, 1)).otherwise("")
    return F.when(_is_address(value), F.concat(first, F.lit(f"{HIDDEN}@"), _behind(value))).otherwise(HIDDEN)


def _behind(value: Column) -> Column:
    """What stands behind the last `@`; all where there is none."""
    return F.substring_index(value, "@", -1)


def _is_address(value: Column) -> Column:
    return value.contains("@") & _behind(value).rlike(_DOMAIN)


def _phone(value: Column) -> Column:
    """`+49 170 1234567` → `***67`."""
    digits = F.length(value) - F.length(F.translate(value, "0123456789", ""))
    return F.concat(F.lit(HIDDEN), F.when(digits >= _SHORT_PHONE, F.substring(value, -2, 2)).otherwise(""))


def _name(value: Column) -> Column:
    """`Anna` → `A***`, `Bo` → `***`."""
    return F.concat(_first(value), F.lit(HIDDEN))


def _postcode(value: Column) -> Column:
    """`10115` → `10***`, `1010` → `1***`; shorter ones show nothing."""
    kept = F.when(F.length(value) > _SHORT, F.substring(value, 1, 2)).otherwise(_first(value))
    return F.concat(kept, F.lit(HIDDEN))


def _first(value: Column) -> Column:
    return F.when(F.length(value) >= _SHORT, F.substring(value, 1, 1)).otherwise("")


_TEXTS: Mapping[str, Callable[[Column], Column]] = {
    "email": _email,
    "phone": _phone,
    "name": _name,
    "postcode": _postcode,
}
_CUTS: Mapping[str, Callable[[Column], Column]] = {
    "month": lambda value: F.date_trunc("month", value),
    "year": lambda value: F.date_trunc("year", value),
}
