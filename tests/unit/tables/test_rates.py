"""A day's rates are complete, or the gate of silver.fx_rates says so before anything takes those of the day before."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.lakes.queries import at, day

if TYPE_CHECKING:
    from tests.support.lakes.queries import Queries

TRADED = ("EUR", "USD", "GBP", "JPY", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "CAD", "AUD")
DOLLAR = "a day that has rates has the dollar's"
COMPLETE = "a day has the rates of all currencies that the shop trades in"
WEEK = "the last week has the rates of its working days, but for holidays (at most two)"
EVERY_DAY = "every working day of the last week has rates"
WORKING_DAYS = ("03-03", "03-04", "03-05", "03-06", "03-07", "03-10", "03-11", "03-12")


def rates(*days: str, without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return [
        {"rate_date": day(each), "currency": currency, "eur_rate": Decimal(2), "usd_rate": Decimal(1)}
        for each in days
        for currency in (*TRADED, "HUF")
        if currency not in without
    ]


def published(*days: str, without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return [
        {
            "rate_date": row["rate_date"],
            "currency": row["currency"],
            "rate": Decimal(2),
            "published_at": at("03-31 15:00"),
        }
        for row in rates(*days, without=("EUR", *without))
    ]


def counted(queries: Queries) -> tuple[int, int, int, int]:
    return tuple(queries.check("silver.fx_rates", each) for each in (DOLLAR, COMPLETE, WEEK, EVERY_DAY))


def test_whole_days_with_a_weekend_between_pass(queries: Queries) -> None:
    queries.give("bronze.fx_rates", *published(*WORKING_DAYS))
    queries.give("silver.fx_rates", *rates(*WORKING_DAYS))
    assert counted(queries) == (0, 0, 0, 0)


def test_an_empty_table_passes(queries: Queries) -> None:
    assert counted(queries) == (0, 0, 0, 0)


def test_a_day_without_a_readable_dollar_rate_is_told_and_has_no_rate(queries: Queries) -> None:
    queries.give("bronze.fx_rates", *published("03-03"), *published("03-04", without=("USD",)))
    valued = queries.rows("silver.fx_rates")

    assert {row["usd_rate"] is None for row in valued if row["rate_date"] == day("03-04")} == {True}
    queries.give("silver.fx_rates", *rates("03-03"))
    assert counted(queries) == (1, 0, 0, 0)


@pytest.mark.parametrize("lost", TRADED)
def test_a_day_without_the_rate_of_a_currency_that_is_traded_is_told(queries: Queries, lost: str) -> None:
    queries.give("silver.fx_rates", *rates("03-03"), *rates("03-04", without=(lost,)))
    assert queries.check("silver.fx_rates", COMPLETE) == 1


def test_a_currency_in_which_nothing_is_sold_may_be_missing(queries: Queries) -> None:
    queries.give("silver.fx_rates", *rates("03-03"), *rates("03-04", without=("HUF",)))
    assert queries.check("silver.fx_rates", COMPLETE) == 0


def test_days_that_were_lost_as_a_whole_are_counted(queries: Queries) -> None:
    queries.give("silver.fx_rates", *rates("03-03", "03-05", "03-12"))
    assert queries.check("silver.fx_rates", EVERY_DAY) == 4, "of the week before the 12th: 6, 7, 10 and 11"


def test_the_checks_stop_what_follows(queries: Queries) -> None:
    severity = {check.name: check.severity for check in queries.project.table("silver.fx_rates").contract.checks}
    assert {severity[each] for each in (DOLLAR, COMPLETE, WEEK)} == {"error"}
    assert severity[EVERY_DAY] == "warning"
