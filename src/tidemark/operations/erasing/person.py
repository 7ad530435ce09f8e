"""Who is to be erased: the columns that name the person, the value, and what else is known that is the person's alone.

What is known lies beside the staging of runs until the erasure is over, as whoever goes on after a crash finds nothing
of it in the tables any more. It is readable by its owner alone, and the one place where the value is written down.
"""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pyspark.sql import functions as F

from tidemark.aws.folder import open_folder
from tidemark.control.erasures import Receipt, noted_at
from tidemark.errors import ConfigError
from tidemark.lint.privacy import subjects
from tidemark.rows import quoted
from tidemark.rows.erased import as_named
from tidemark.rows.masking import digest_of
from tidemark.spark.hidden import hidden_values

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession

    from tidemark.aws.folder import Folder
    from tidemark.config.environment import Environment
    from tidemark.config.project import Project, Table
    from tidemark.lint.privacy.subjects import Trail

FOLDER = "_erasing"
_SHORTEST = 6  # characters
_SHORTEST_NUMBER = 9
_BEFORE, _AFTER = r"(?<![\p{L}\p{N}_.+-])", r"(?!\.?[\p{L}\p{N}_-])"


@dataclass(frozen=True)
class Person:
    """A person by the value of a column (`value` is as that column has it as text).

    `known` are values of personal columns that no one else has, and by which the person is found in texts.
    """

    trail: Trail
    value: str
    receipt: Receipt
    known: tuple[str, ...] = ()

    @property
    def telling(self) -> tuple[str, ...]:
        """The values that are the person's wherever they stand: not short ones, nor those that others can have too."""
        return tuple(dict.fromkeys(each for each in (self.value, *self.known) if is_telling(each)))

    def is_named(self, spark: SparkSession, table: Table) -> Column:
        """Whether a row of the table names the person, in any of the columns that can."""
        value = hidden_values(spark, {"person": self.value.encode()})["person"].cast("string")
        found = F.lit(False)
        for name in self.columns_of(table):
            text = as_named(quoted(name), table.contract.column(name).type, folded=self.trail.folded)
            found = found | F.coalesce(text == value, F.lit(False))
        return found

    def columns_of(self, table: Table) -> tuple[str, ...]:
        """The columns of a table in which the value stands as it is."""
        return subjects.naming_columns(self.trail, table)

    def pattern(self) -> str | None:
        """A regular expression that finds what is telling in texts, however it is written there; None: nothing is."""
        ways = sorted({way for each in self.telling for way in _ways(each)}, key=len, reverse=True)
        return f"(?iu){_BEFORE}(?:{'|'.join(map(_escaped, ways))}){_AFTER}" if ways else None

    def searched(self) -> re.Pattern[str] | None:
        """The same for texts that are read here."""
        pattern = self.pattern()
        if pattern is None:
            return None
        return re.compile(pattern.replace("(?iu)", "(?i)").replace(r"\p{L}\p{N}_", r"\w"))


def is_telling(value: str) -> bool:
    """Whether a value is nobody else's: an id, an address, a number of a phone; not a name alone."""
    if value.isdigit():
        return len(value) >= _SHORTEST_NUMBER
    return len(value) >= _SHORTEST and any(each.isdigit() or each in "@ " for each in value)


def person(project: Project, text: str, by: str | None = None) -> Person:
    """The person that `KEY=VALUE` names; raises `ConfigError` where nobody can tell where the value is."""
    key, value = subjects.named(text)
    return _person(project, subjects.trail(project.tables, key), value, by or getpass.getuser())


def _person(project: Project, trail: Trail, value: str, by: str) -> Person:
    environment, (table, column) = project.environment, trail.key
    named = subjects.canonical(project.table(table).contract.column(column), value, folded=trail.folded)
    key = environment.masking.key if environment.masking else ""
    digest = digest_of(environment, key, named)
    receipt = Receipt(digest, key, trail.name, trail.folded, by, noted_at(), trail.treatments)
    return Person(trail, named, receipt)


def keep(environment: Environment, who: Person) -> str:
    """Writes down what is known of the person, with what was known before; gives the name by which it is found."""
    name = who.receipt.receipt_id
    before = _read(_folder(environment), name)
    known = dict.fromkeys((*before.get("known", ()), *who.known))
    stored = {
        "column": who.trail.name,
        "value": who.value,
        "known": list(known),
        "by": before.get("by", who.receipt.by),
    }
    path = Path(_folder(environment).write_text(f"{name}.json", json.dumps(stored)))
    if path.exists():  # on this machine's disk
        path.parent.chmod(0o700)
        path.chmod(0o600)
    return name


def kept(project: Project, name: str) -> Person:
    """The person that was written down under this name; raises `ConfigError` where nobody was, or it is over."""
    stored = _read(_folder(project.environment), name)
    if not stored:
        raise ConfigError(
            f"there is no erasure {name} under way", next_step="tidemark erase --subject KEY=VALUE --yes begins one"
        )
    trail = subjects.trail(project.tables, stored["column"])
    found = _person(project, trail, stored["value"], stored["by"])
    return replace(found, known=tuple(stored["known"]))


def forget(environment: Environment, who: Person) -> None:
    """Removes what was written down."""
    folder, name = _folder(environment), f"{who.receipt.receipt_id}.json"
    if folder.read_text(name) is not None:
        folder.delete(name)


def refuse_untold(project: Project, who: Person) -> None:
    """Raises `ConfigError` where contracts do not say what becomes of rows that name the person."""
    untold = subjects.untold(who.trail, project.tables)
    if untold:
        raise ConfigError(
            "contracts do not say what becomes of some rows; nothing was erased",
            seen=untold,
            next_step="let them say it",
        )


def _folder(environment: Environment) -> Folder:
    return open_folder(f"{environment.roots.staging}/{FOLDER}", environment.aws)


def _read(folder: Folder, name: str) -> Mapping[str, Any]:
    text = folder.read_text(f"{name}.json") if re.fullmatch(r"[0-9a-f]+", name) else None
    stored: Mapping[str, Any] = json.loads(text) if text else {}
    return stored


def _ways(value: str) -> Iterator[str]:
    """How a value may be written: as it is, inside JSON, inside JSON inside JSON, in an address."""
    yield value
    for ascii_only in (False, True):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
    yield quote(value, safe="")
    yield quote(value)


def _escaped(text: str) -> str:
    return re.escape(text)


def telling(values: Iterable[str | None]) -> tuple[str, ...]:
    """Those of the values that are worth looking for, each once."""
    return tuple(dict.fromkeys(each.strip() for each in values if each and is_telling(each.strip())))
