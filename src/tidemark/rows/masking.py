"""Gold's masks, on the rows of a table: by what a column aligns to, however it is written, and with the masking key."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.aws import secrets
from tidemark.compile.masks import MaskKey, domain, masked
from tidemark.errors import CommitError, ConfigError
from tidemark.lint.privacy import admission
from tidemark.rows import own, quoted
from tidemark.spark.hidden import hidden_values
from tidemark.sql.types import HELPER_PREFIX

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyspark.sql import DataFrame, SparkSession

    from tidemark.config.environment import Environment
    from tidemark.config.project import Table

_BLOCK = 64  # bytes of a block of SHA-256
_SHORTEST_KEY = 32
_IS_SHARED = own("is_shared_")
_DOMAIN = own("domain")


def with_masks(table: Table, frame: DataFrame, key: MaskKey | None) -> DataFrame:
    """The rows as readers of a gold table may see them, but for columns that no contract knows: there are none."""
    there = {name.lower() for name in frame.columns}
    columns = [column for column in table.contract.columns if column.mask and column.name in there]
    for column in columns:
        if column.mask_people is not None:
            frame = _with_shared(frame, column.name, column.mask_people)
    masks = {
        column.name: masked(
            table.contract,
            column.name,
            key,
            is_shared=None if column.mask_people is None else quoted(_IS_SHARED + column.name),
        )
        for column in columns
    }
    return frame.withColumns(masks).drop(*(name for name in frame.columns if name.startswith(_IS_SHARED)))


def _with_shared(frame: DataFrame, name: str, people: int) -> DataFrame:
    """The rows with whether so many different addresses have the domain of each."""
    of_value = domain(quoted(name))
    shared = frame.groupBy(of_value.alias(_DOMAIN)).agg(F.count_distinct(F.lower(quoted(name))).alias(own("people")))
    shared = shared.where(F.col(own("people")) >= people).select(_DOMAIN, F.lit(True).alias(_IS_SHARED + name))
    joined = frame.join(shared, of_value == F.col(_DOMAIN), "left").drop(_DOMAIN)
    return joined.withColumn(_IS_SHARED + name, F.coalesce(quoted(_IS_SHARED + name), F.lit(False)))


def refuse_unknown(tables: Mapping[str, Table], table: Table, frame: DataFrame, stored: Collection[str] = ()) -> None:
    """Raises `CommitError` where rows of gold have columns that no contract masks, and personal data may be in them.

    `frame` is as the query gives it, also by names that nobody could tell before. What only orders rows or marks
    deletes is kept where the table has (`stored`) such a column.
    """
    helpers = set(table.load.write.helpers) - {name.lower() for name in stored}
    known = {*table.contract.column_names, *helpers, *table.load.write.made}
    names = [name for name in frame.columns if name.lower() not in known]
    sight = admission.sight(tables)
    seen = [name for name in names if sight.made(table).seen(name.lower())]
    if seen:
        raise CommitError(
            "its rows have columns that the contract lacks, and personal data may be in them",
            table=table.name,
            step="build",
            seen=seen,
            next_step=f"add them to {table.contract.path.name} with a mask, or leave them out",
        )


def refuse_own(table: Table, frame: DataFrame) -> None:
    """Raises `CommitError` where a query or a transform gives a column by a name of the engine's own helpers."""
    seen = [name for name in frame.columns if name.lower().startswith(HELPER_PREFIX)]
    if seen:
        raise CommitError(
            f"its rows have columns whose names begin as the engine's own (`{HELPER_PREFIX}`)",
            table=table.name,
            step="build",
            seen=seen,
            next_step=f"give them other names in {(table.sql_path or table.contract.path).name}",
        )


def masking_key(environment: Environment, spark: SparkSession, table: Table) -> MaskKey | None:
    """The key that the table's masks are made with; None where none of them needs one."""
    settings = environment.masking
    if not table.needs_key or settings is None:
        return None
    return hidden_key(environment, spark, settings.key)


def hidden_key(environment: Environment, spark: SparkSession, name: str) -> MaskKey:
    """The masking key of this name, for queries of the session."""
    inner, outer = blocks(key_bytes(environment, name))
    columns = hidden_values(spark, {"inner": inner, "outer": outer})
    return MaskKey(name, columns["inner"], columns["outer"])


def digest_of(environment: Environment, name: str, text: str) -> str:
    """What `MaskKey.digest` gives for a text."""
    return hmac.new(key_bytes(environment, name), text.encode(), sha256).hexdigest()


def key_bytes(environment: Environment, name: str) -> bytes:
    """The masking key of this name, from its secret; raises `ConfigError` where there is none, or too short a one."""
    settings = environment.masking
    if settings is None:
        raise ConfigError(
            "there is no masking key, by which people who were erased are known without their values",
            next_step="add `masking: {secret: …, key: …}` to the environment's file",
        )
    secret = secrets.fetch(settings.secret, environment.secrets, environment.aws)
    key = str(secret[name]).encode()
    if len(key) < _SHORTEST_KEY:
        raise ConfigError(
            f"the masking key {name} of the secret {settings.secret} has fewer than {_SHORTEST_KEY} characters",
            next_step="store a random key: python3 -c 'import secrets; print(secrets.token_hex(32))'",
        )
    return key


def blocks(key: bytes) -> tuple[bytes, bytes]:
    """What HMAC puts before the message, and before the digest of both."""
    padded = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return bytes(each ^ 0x36 for each in padded), bytes(each ^ 0x5C for each in padded)
