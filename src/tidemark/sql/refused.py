"""What is said of a part of a query that may not run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Refused:
    """Something in a query that may not run: why, what to do instead, and the line in its text.

    `about`: `input` for a table that is no input, `scope` for a CTE that is not seen where it is read.
    """

    message: str
    fix: str
    line: int = 1
    about: Literal["text", "parse", "call", "form", "input", "scope"] = "form"
