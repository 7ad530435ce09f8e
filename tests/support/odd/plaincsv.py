"""What Python's own CSV reader says of a file."""

from __future__ import annotations

import csv
import re

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$")


def records(text: str) -> tuple[list[str], list[list[str] | str]]:
    """The names in the header, and each record as its values, or as it is written where it is none of this header."""
    written = _LINES.findall(text.removeprefix("\ufeff"))
    reader = csv.reader(written)
    names = [name.strip() for name in next(reader)]
    begin = reader.line_num
    found: list[list[str] | str] = []
    for given in reader:
        raw, begin = written[begin : reader.line_num], reader.line_num
        if not given and len(names) > 1:
            continue
        values = given or [""]
        fits = len(values) == len(names) and all(name or not value for name, value in zip(names, values, strict=True))
        found.append(values if fits and _is_strict(raw) else "".join(raw).rstrip("\r\n"))
    return names, found


def _is_strict(raw: list[str]) -> bool:
    try:
        next(csv.reader(raw, strict=True))
    except csv.Error:
        return False
    return True
