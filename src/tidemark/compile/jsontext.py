"""JSON text as maps of text, with every number as it is written.

Spark's parser sends the numbers that it gives as text through a double: `1.10` becomes `1.1`, `1e400` becomes Infinity.
So they are made strings before it sees them, marked by a character that Unicode keeps out of text, and become numbers
again behind it. What follows a first value is no business of Spark's parser either: a value is put into an array with a
seal behind it, which must come out as the last of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

    from tidemark.config.contract.model import Nested

OBJECT = "map<string, string>"
MARK = "\ufdd0"
"""In no name and no value of what is parsed here."""
_SEAL = f'{{"{MARK}":""}}'
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*+"'
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z_.+-])"
# Whole numbers come through Spark's parser as they are, but for `-0`: text without others is not gone through.
_HAS_OTHERS = r"[:,\[]\s*+(?:-?[0-9]++[.eE]|-0)"
_TO_NUMBER = rf'(?s)\G([^"0-9-]*(?:{_STRING}[^"0-9-]*)*+)({_NUMBER})'
_BETWEEN_OBJECTS = rf'(?s)\G((?:[^"}}]++|{_STRING}|\}}(?!\s*+\{{))*+)\}}(\s*+)\{{'
_MARKED = f'"{MARK}([^"]*)"'
_MARKED_INSIDE = rf'\\"{MARK}([^"\\]*)\\"'
# Every `\u` is four hexadecimal digits, no half of a surrogate pair stands alone, and none is the mark.
_WELL_ESCAPED = (
    r"(?s)\A(?:[^\\]++|\\[^u]|\\u[dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u(?![dD][89a-fA-F]|[fF][dD][dD]0)[0-9a-fA-F]{4})*+\z"
)
# As the standard has it, and of any length. Nesting has the parser's own limit (1,000).
_STRICT = {
    "allowSingleQuotes": "false",
    "allowNonNumericNumbers": "false",
    "allowComments": "false",
    "maxStringLen": str(2**31 - 1),
    "maxNumLen": str(2**31 - 1),
}


def parsed_object(text: Column, *, exact: bool = True) -> Column:
    """A JSON object as a map of text (`value_of` gives its values), null where the text is anything else.

    Where just the keys are wanted, it need not be `exact`.
    """
    return _once(
        _parsed(text, OBJECT, _SEAL, exact),
        lambda values: F.when((F.size(values) == 2) & F.map_contains_key(F.element_at(values, -1), MARK), values[0]),
    )


def parsed_objects(text: Column, *, exact: bool = True) -> Column:
    """The objects that follow each other in the text with just blanks between, null where it is anything else.

    Commas are put between what looks like the end of one and the beginning of the next: where these are not as many as
    the objects say, some were put inside of one, or stood there before.
    """

    def objects(separated: Column, values: Column) -> Column:
        sealed = F.map_contains_key(F.element_at(values, -1), MARK)
        commas = F.length(separated) - F.length(text)
        count = F.size(values) - 1
        return F.when(sealed & (count > 0) & (commas == count - 1), F.slice(values, F.lit(1), count))

    def of(separated: Column) -> Column:
        return _once(_parsed(separated, OBJECT, _SEAL, exact), lambda values: objects(separated, values))

    return _once(F.regexp_replace(text, _BETWEEN_OBJECTS, "$1},$2{"), of)


def parsed_array(text: Column, *, exact: bool = True) -> Column:
    """The objects of a JSON array; null where the text is anything else, or an array that holds anything else.

    What is `null` in the array is null.
    """

    def array(values: Column) -> Column:
        sealed = F.map_contains_key(F.get(F.element_at(values, -1), F.lit(0)), MARK)
        return F.when((F.size(values) == 2) & sealed, values[0])

    return _once(_parsed(text, f"array<{OBJECT}>", f"[{_SEAL}]", exact), array)


def value_of(record: Column, key: str) -> Column:
    """One value of a parsed object as text: strings by their content, numbers as written, nested values as JSON."""
    return unmarked(record[key])


def unmarked(value: Column) -> Column:
    """A value of a parsed object as it was written, apart from blanks in nested ones."""
    nested = value.startswith("{") | value.startswith("[")
    return (
        F.when(value.startswith(MARK), F.substring(value, 2, 2**31 - 1))
        .when(nested & value.contains(MARK), F.regexp_replace(value, _MARKED, "$1"))
        .otherwise(value)
    )


def shown(record: Column) -> Column:
    """A parsed object as JSON again, its nested values as text."""
    text = F.regexp_replace(F.to_json(record, {"ignoreNullFields": "false"}), _MARKED_INSIDE, "$1")
    return F.regexp_replace(text, _MARKED, "$1")


def is_nested(text: Column, kind: Nested) -> Column:
    """Whether the text is one JSON array, or one JSON object."""
    if kind == "object":
        return parsed_object(text, exact=False).isNotNull()

    def array(values: Column) -> Column:
        sealed = F.element_at(F.element_at(values, -1), -1) == MARK
        return (F.size(values) == 2) & sealed & values[0].isNotNull()

    found = _once(_parsed(text, "array<string>", f'["{MARK}"]', exact=False), array)
    return F.coalesce(found, F.lit(False))


def has_key_twice(record: Column) -> Column:
    """Whether a key stands more than once in a parsed object, or in any map."""
    keys = F.map_keys(record)
    return F.size(F.array_distinct(keys)) < F.size(keys)


def _once(value: Column, use: Callable[[Column], Column]) -> Column:
    """What `use` makes of a value that is dear to compute: by its name, as inside of a condition Spark would compute it
    once for each time that it is written.
    """
    return F.transform(F.array(value), use)[0]


def _parsed(text: Column, element: str, seal: str, exact: bool) -> Column:
    """The values of the text and the seal as an array; null where it holds what cannot be told from our own marks, or
    what no text can hold (half of a surrogate pair).
    """
    plain = ~text.contains(MARK) & (~text.contains("\\u") | text.rlike(_WELL_ESCAPED))
    marked = F.when(text.rlike(_HAS_OTHERS), F.regexp_replace(text, _TO_NUMBER, f'$1"{MARK}$2"')).otherwise(text)
    values = F.concat(F.lit("["), marked if exact else text, F.lit(f",{seal}]"))
    return F.when(plain, F.from_json(values, f"array<{element}>", _STRICT))
