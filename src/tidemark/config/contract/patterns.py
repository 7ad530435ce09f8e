"""What personal data looks like: patterns of values, in the syntax of Java's regular expressions.

`in_python` is the same pattern for Python.
"""

from __future__ import annotations

import re

ADDRESS = r"[\p{L}\p{N}._+-](?:@|%40)[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2,}"
PHONE = r"(?<![\w+])\+[1-9](?:[ ./()-]{0,2}\d){7,14}(?![\d])"
LOCAL_PHONE = (
    r"(?<![\w-])(?<!\d )(?:\(0\d{1,4}\)[ /-]?\d{4,9}|0\d{2,4}[ /-]\d{4,9}|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4})"
    r"(?![\w-]| \d)"
)
ACCOUNT = r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"
CARD = r"(?<![\w-])(?:2[2-7]|3\d|4\d|5\d|6\d)(?:[ -]?\d){11,17}(?![\w-])"


def in_python(pattern: str) -> re.Pattern[str]:
    """The pattern as Python writes letters and digits of any script."""
    return re.compile(pattern.replace(r"\p{L}\p{N}", r"\w").replace(r"\p{L}", r"[^\W\d_]"))
