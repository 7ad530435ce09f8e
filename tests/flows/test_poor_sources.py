"""The shipped rates and products on a day when their source is poor: nothing takes what is not there for the truth."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from flows.daily import daily
from tests.flows.conftest import Pipeline
from tidemark.errors import GateError

CONFIG = Path(__file__).parents[2] / "config"
RATES = {"USD": 1.08, "GBP": 0.84, "JPY": 161.5, "CHF": 0.95, "SEK": 11, "NOK": 11.7, "DKK": 7.46, "PLN": 4.18} | {
    "CZK": 25.1,
    "CAD": 1.55,
    "AUD": 1.72,
}
MONDAY, TUESDAY, WEDNESDAY = (date(2025, 3, day) for day in (24, 25, 26))
FX = ["bronze.fx_rates", "silver.fx_rates"]
PRODUCTS = ["bronze.snowflake_products", "silver.products", "gold.dim_product"]


def shipped(pipeline: Pipeline, *tables: str) -> None:
    """Adds tables of the shipped configuration; what they read is a folder here, and they are not published."""
    for table in tables:
        layer, name = table.split(".")
        for file in CONFIG.glob(f"{layer}/{name}.*"):
            lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("publish:")]
            here = f"source: {{connection: landing, object: {name}/, format: csv, mode: full}}"
            text = "\n".join(here if line.startswith("source: {connection: snowflake") else line for line in lines)
            pipeline.lake.write(f"{layer}/{file.name}", text + "\n")


def publish(pipeline: Pipeline, day: date, name: str, **rates: object) -> None:
    """A day's file as the bank sends it."""
    told = [
        {"rate_date": f"{day}", "base_currency": "EUR", "currency": currency, "rate": rate}
        | {"published_at": f"{day}T15:00:00.000Z" if name == "rates.json" else f"{day}T17:00:00.000Z"}
        for currency, rate in rates.items()
    ]
    pipeline.land(f"fx/dt={day}/{name}", json.dumps(told, indent=1))


def test_a_dollar_rate_that_is_no_number_stops_the_rates_until_it_is_corrected(pipeline: Pipeline) -> None:
    shipped(pipeline, *FX)
    publish(pipeline, MONDAY, "rates.json", **RATES)
    daily(**pipeline.where, date=MONDAY, select=FX)
    before = pipeline.lake.read("silver.fx_rates", "rate_date", "currency", "usd_rate")
    assert len(before) == len(RATES) + 1

    publish(pipeline, TUESDAY, "rates.json", **(RATES | {"USD": "n/a"}))
    with pytest.raises(GateError, match="a day that has rates has the dollar's"):
        daily(**pipeline.where, date=TUESDAY, select=FX)

    assert pipeline.lake.read("silver.fx_rates", "rate_date", "currency", "usd_rate") == before
    assert len(pipeline.lake.read("bronze.fx_rates")) == 2 * len(RATES) - 1
    (waiting,) = pipeline.lake.errors("bronze.fx_rates")
    (reason,) = waiting["reasons"]
    assert (reason["column"], reason["rule"], reason["value"]) == ("rate", "type", "n/a")

    publish(pipeline, TUESDAY, "correction.json", USD=1.09)
    daily(**pipeline.where, date=TUESDAY, select=FX)
    rows = pipeline.lake.read("silver.fx_rates", "rate_date", "currency", "usd_rate")
    assert [row for row in rows if row[0] == MONDAY] == before
    told = {currency: float(rate) for day, currency, rate in rows if day == TUESDAY}
    assert told["EUR"] == 1.09
    assert told == pytest.approx({"EUR": 1.09} | {name: 1.09 / rate for name, rate in (RATES | {"USD": 1.09}).items()})


def test_products_that_are_not_in_an_empty_answer_go_on_being_sold(pipeline: Pipeline) -> None:
    shipped(pipeline, *PRODUCTS)

    def answer(count: int) -> None:
        rows = [f"PRD-{number:05},chair {number},furniture,{number}.50,EUR,true" for number in range(1, count + 1)]
        pipeline.land(
            "snowflake_products/all.csv", "product_id,product_name,category,list_price,currency,is_active", *rows
        )

    def discontinued() -> list[bool]:
        return [row[0] for row in pipeline.lake.read("silver.products", "is_discontinued")]

    answer(20)
    daily(**pipeline.where, date=MONDAY, select=PRODUCTS)
    assert discontinued() == [False] * 20
    versions = pipeline.versions()

    answer(0)
    with pytest.raises(GateError, match="the extract is not empty"):
        daily(**pipeline.where, date=TUESDAY, select=PRODUCTS)
    assert pipeline.versions() == versions

    answer(19)
    daily(**pipeline.where, date=WEDNESDAY, select=PRODUCTS)
    assert discontinued() == [False] * 19 + [True]
    assert len(pipeline.lake.read("gold.dim_product")) == 21, "one of them is the unknown product"
