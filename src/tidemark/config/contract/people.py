"""What a property says of the people that its values name: what erasing one of them does to the row."""

from __future__ import annotations

from collections.abc import Mapping

from open_data_contract_standard.model import SchemaProperty

from tidemark.config.contract.model import Erasure
from tidemark.config.contract.privacy import ERASURE
from tidemark.config.files.yamltext import Report, Where
from tidemark.errors import choose

_WORDS = ("delete", "clear")
_EXAMPLE = "write `delete`, `clear`, or `{replaceBy: a value that stands for nobody}`"


def read_erasure(report: Report, found: SchemaProperty, where: Where) -> Erasure | None:
    """What the custom property `erasure` says; what is wrong with it goes to the report."""
    said = [
        ((*where, "customProperties", position, "value"), custom.value)
        for position, custom in enumerate(found.customProperties or [])
        if custom.property == ERASURE
    ]
    if not said:
        return None
    here, value = said[0]
    if len(said) > 1:
        report.error(said[1][0], f"column `{found.name}` has `{ERASURE}` twice", "keep one of them")
    erasure = _erasure(value)
    if erasure is None:
        fix = choose(value, _WORDS) if isinstance(value, str) else _EXAMPLE
        report.error(here, f"the {ERASURE} of `{found.name}` is `{value}`", fix)
    elif erasure.action == "clear" and found.required:
        fix = f"take `required` away, or {_EXAMPLE.partition('`, ')[2]}"
        report.error(here, f"column `{found.name}` is required: it cannot be cleared", fix)
    elif erasure.action != "delete" and found.primaryKey:
        report.error(here, f"column `{found.name}` is of the key: rows without it are no rows", "write `delete`")
    else:
        return erasure
    return None


def _erasure(value: object) -> Erasure | None:
    if value == "delete":
        return Erasure("delete")
    if value == "clear":
        return Erasure("clear")
    replaces = isinstance(value, Mapping) and set(value) == {"replaceBy"}
    by = value["replaceBy"] if replaces and isinstance(value, Mapping) else None
    return Erasure("replace", str(by)) if isinstance(by, str | int) and not isinstance(by, bool) else None
