"""What Python's own JSON reader says of a text, with numbers as they are written."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


class Number(str):
    """A number as it is written."""


def written(value: Any, ascii_only: bool, blank: str) -> str:
    """JSON of our own making: pairs in their order (keys may come twice), numbers as they are."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, tuple):
        pairs = (
            f"{json.dumps(key, ensure_ascii=ascii_only)}{blank}:{written(each, ascii_only, blank)}"
            for key, each in value
        )
        return "{" + f",{blank}".join(pairs) + "}"
    if isinstance(value, list):
        return f"[{blank}" + ",".join(written(each, ascii_only, blank) for each in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def read(text: str) -> dict[str, Any] | None:
    """By Python's reader: the pairs of one object with values as pairs and numbers as written; None for what is no such
    thing, or cannot be a row: half of a surrogate pair, the engine's own character, a key twice in any case.
    """
    try:
        pairs = parsed(text)
        text.encode()
        shown = json.dumps(json.loads(text), ensure_ascii=False)
        shown.encode()
    except ValueError:
        return None
    names = ["_" if key == "" else key for key, _ in pairs]
    alike = {folded(name) for name in names}
    if len(alike) < len(names) or "\ufdd0" in shown or "_origin" in alike:
        return None
    return {name: value for name, (_, value) in zip(names, pairs, strict=True) if value is not None}


def folded(name: str) -> str:
    """As Java compares names in any case: by single letters, large and then small."""
    dotless = name.replace("İ", "i").replace("i\u0307", "i")
    return "".join(single(str.lower, single(str.upper, letter)) for letter in dotless)


def single(change: Callable[[str], str], letter: str) -> str:
    return change(letter) if len(change(letter)) == 1 else letter


def parsed(text: str) -> Any:
    """The value of a text: numbers as they are written, objects as their pairs; `NaN` is no JSON."""
    return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=_refused, object_pairs_hook=tuple)


def _refused(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def text_of(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else value
