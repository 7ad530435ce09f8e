"""What flows accept as date and instant, however it is given."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cli.console.launch import refuse_misfits
from cli.console.options import instant, run_date, selection
from flows.daily import daily
from flows.running.parameters import Selection, Since, not_in_future
from tidemark.errors import ConfigError
from tidemark.instants import as_utc


def test_today_is_not_the_future() -> None:
    today = datetime.now(UTC).date()
    assert not_in_future(today) == run_date(today.isoformat()) == today
    assert not_in_future(None) is run_date(None) is None


def test_tomorrow_is() -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    with pytest.raises(ValueError, match="lies in the future"):
        not_in_future(tomorrow)
    with pytest.raises(ConfigError, match="lies in the future"):
        run_date(tomorrow.isoformat())


@given(st.datetimes(datetime(1, 1, 2), timezones=st.just(timezone(timedelta(hours=5, minutes=30)))))
def test_an_instant_with_a_zone_becomes_utc_without_one(moment: datetime) -> None:
    converted = as_utc(moment)
    assert converted.tzinfo is None
    assert converted.replace(tzinfo=UTC) == moment
    assert instant(moment.isoformat()) == converted


def test_an_instant_without_a_zone_is_utc_already() -> None:
    assert instant("2025-03-30") == datetime(2025, 3, 30)
    assert as_utc(datetime(2025, 3, 30, 6)) == datetime(2025, 3, 30, 6)


def test_selections_may_be_repeated_or_separated_by_commas() -> None:
    assert selection(["gold.*, silver.orders", "tag:crm"]) == ["gold.*", "silver.orders", "tag:crm"]
    assert selection(None) == []


def test_a_day_is_written_as_iso() -> None:
    assert run_date("2025-03-30") == date(2025, 3, 30)
    with pytest.raises(ConfigError, match="is not a date"):
        run_date("30/03/2025")


def test_an_instant_of_the_future_is_refused() -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    with pytest.raises(ValueError, match="lies in the future"):
        TypeAdapter(Since).validate_python(later)


@pytest.mark.parametrize("text", ["gold.*", "+gold.dim_customer", "silver.orders+", "+tag:crm+", "bronze.[ab]*"])
def test_expressions_of_a_selection(text: str) -> None:
    assert TypeAdapter(Selection).validate_python([text]) == [text]


@pytest.mark.parametrize("text", ["", "+", "gold. *", "a+b"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="should match pattern"):
        TypeAdapter(Selection).validate_python([text])


def test_parameters_that_do_not_fit_are_told_before_anything_runs() -> None:
    given = {"env": "local", "config": "config", "select": ["gold. *"], "date": date(1999, 12, 31)}
    with pytest.raises(ConfigError, match="daily does not take this") as refused:
        refuse_misfits(daily, given)
    assert "select.0" in refused.value.summary
    assert "date" in refused.value.summary
