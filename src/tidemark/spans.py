"""Spans of time as configuration files write them: `72h`, `15m`, `2d`, `30s`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

_SPAN = re.compile(r"(\d+)\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_span(text: object) -> timedelta:
    """`72h`, `15m`, `2d` or `30s` as a timedelta; raises `ValueError` for anything else."""
    if isinstance(text, timedelta):
        return text
    match = _SPAN.fullmatch(str(text).strip())
    if match is None:
        raise ValueError("write a number and s, m, h or d: 72h")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


Span = Annotated[timedelta, BeforeValidator(parse_span)]
