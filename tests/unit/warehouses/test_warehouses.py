"""Names and literals that cannot be anything else, and failures by what they mean."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redshift_connector.error import InterfaceError as RedshiftInterfaceError
from redshift_connector.error import ProgrammingError as RedshiftProgrammingError
from snowflake.connector.errors import (
    DatabaseError,
    ForbiddenError,
    OperationalError,
    ProgrammingError,
    ServiceUnavailableError,
)

from tidemark.aws.secrets import SecretMapping
from tidemark.config.connections import ConnectionValue
from tidemark.warehouses import Trouble, Warehouse, WarehouseError, literal, quoted
from tidemark.warehouses.redshift import Redshift, s3_access
from tidemark.warehouses.snowflake import Snowflake

SECRET = SecretMapping({"user": "u", "password": "p"}, "tidemark/x")
SNOWFLAKE = Snowflake(ConnectionValue("snowflake", "snowflake", {"account": "acme"}, SECRET))
REDSHIFT = Redshift(ConnectionValue("redshift", "redshift", {"host": "cluster", "port": 5439}, SECRET))


@pytest.mark.parametrize(
    ("text", "snowflake", "redshift"),
    [
        ("SALES.ORDERS", '"SALES"."ORDERS"', '"sales"."orders"'),
        ("analytics.behavior", '"ANALYTICS"."BEHAVIOR"', '"analytics"."behavior"'),
        ('shop."Odd table"."a.b"', '"SHOP"."Odd table"."a.b"', '"shop"."Odd table"."a.b"'),
        ('"with ""quotes"""', '"with ""quotes"""', '"with ""quotes"""'),
        ("with space", '"with space"', '"with space"'),
    ],
)
def test_names_are_folded_as_the_warehouse_does_and_quoted(text: str, snowflake: str, redshift: str) -> None:
    assert SNOWFLAKE.name(text) == snowflake
    assert REDSHIFT.name(text) == redshift


@given(st.lists(st.text(min_size=1), min_size=1, max_size=3))
def test_quoted_parts_come_back_as_they_are(parts: list[str]) -> None:
    assert list(REDSHIFT.name_parts(".".join(quoted(part) for part in parts))) == parts


@given(st.text())
def test_a_name_that_is_not_quoted_never_leaves_its_quotes(text: str) -> None:
    try:
        name = SNOWFLAKE.name(text)
    except WarehouseError:
        return
    for part in name.split('"."') if name else []:
        assert part.strip('"').replace('""', "").count('"') == 0


@given(st.text(st.characters(exclude_characters="\\")))
def test_a_literal_is_one_string(text: str) -> None:
    inside = literal(text)[1:-1]
    assert inside.replace("''", "").count("'") == 0
    assert inside.replace("''", "'") == text


def test_a_backslash_has_no_meaning_that_all_agree_on() -> None:
    with pytest.raises(WarehouseError):
        literal("a\\'b")


@pytest.mark.parametrize("warehouse", [SNOWFLAKE, REDSHIFT])
@given(instant=st.datetimes())
def test_a_timestamp_is_written_to_the_microsecond(warehouse: Warehouse, instant: datetime) -> None:
    inside = warehouse.timestamp(instant).split("'")[1]
    assert datetime.fromisoformat(inside) == instant


@pytest.mark.parametrize(
    ("failure", "trouble"),
    [
        (DatabaseError(msg="Incorrect username or password was specified.", errno=390100), Trouble.CREDENTIALS),
        (
            DatabaseError(msg="Failed to connect to DB: Incorrect username or password", errno=250001),
            Trouble.CREDENTIALS,
        ),
        (OperationalError(msg="Could not connect to Snowflake backend", errno=250001), Trouble.UNREACHABLE),
        (ServiceUnavailableError(msg="HTTP 503"), Trouble.UNREACHABLE),
        (ForbiddenError(msg="HTTP 403"), Trouble.UNREACHABLE),
        (ConnectionResetError("reset by peer"), Trouble.UNREACHABLE),
        (ProgrammingError(msg="does not exist or not authorized", errno=2003), Trouble.MISSING),
        (ProgrammingError(msg="lock timeout", errno=625), Trouble.CONFLICT),
        (ProgrammingError(msg="syntax error", errno=1003), Trouble.REFUSED),
        (ValueError("something else"), Trouble.REFUSED),
    ],
)
def test_failures_of_snowflake(failure: Exception, trouble: Trouble) -> None:
    assert SNOWFLAKE.failed(failure).trouble is trouble


@pytest.mark.parametrize(
    ("failure", "trouble"),
    [
        (RedshiftProgrammingError({"C": "28P01", "M": "password authentication failed"}), Trouble.CREDENTIALS),
        (RedshiftProgrammingError({"C": "42P01", "M": 'relation "x" does not exist'}), Trouble.MISSING),
        (RedshiftProgrammingError({"C": "40001", "M": "could not serialize"}), Trouble.CONFLICT),
        (
            RedshiftProgrammingError({"C": "XX000", "M": "1023 detail: Serializable isolation violation"}),
            Trouble.CONFLICT,
        ),
        (RedshiftProgrammingError({"C": "57P01", "M": "terminating connection"}), Trouble.UNREACHABLE),
        (RedshiftProgrammingError({"C": "42601", "M": "syntax error"}), Trouble.REFUSED),
        (RedshiftInterfaceError("communication error", ConnectionRefusedError()), Trouble.UNREACHABLE),
        (ConnectionRefusedError(111, "refused"), Trouble.UNREACHABLE),
    ],
)
def test_failures_of_redshift(failure: Exception, trouble: Trouble) -> None:
    assert REDSHIFT.failed(failure).trouble is trouble


def test_what_the_warehouse_says_is_kept_and_passwords_are_not() -> None:
    said = REDSHIFT.failed(RedshiftProgrammingError({"C": "42601", "M": "near X", "D": "password=hunter2-x"})).said
    assert said == "near X (password=[redacted])"


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_comes_with_advice(trouble: Trouble) -> None:
    assert len(REDSHIFT.advice(trouble)) > 10
    assert "cluster:5439" in REDSHIFT.advice(Trouble.UNREACHABLE)
    assert "tidemark/x" in REDSHIFT.advice(Trouble.CREDENTIALS)


def test_s3_is_reached_by_a_role_and_never_by_keys() -> None:
    role = ConnectionValue("r", "redshift", {"iam_role": "arn:aws:iam::1:role/x"}, SECRET)
    assert s3_access(role) == "IAM_ROLE 'arn:aws:iam::1:role/x'"
    assert s3_access(ConnectionValue("r", "redshift", {}, SECRET)) == "IAM_ROLE DEFAULT"
