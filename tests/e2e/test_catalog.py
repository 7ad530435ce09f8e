"""The catalog in a real browser: what a reader does there, by eye and by keyboard; and with a thousand tables."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.main import main
from tests.support.browser import ARROW_LEFT, ARROW_RIGHT, ENTER, Browser, browser
from tests.support.lakes.catalogued import CataloguedShop
from tidemark.catalog.serving import server

PAGES = (
    "index.html",
    "index.html?q=email",
    "lineage.html",
    "lineage.html#t=gold.fact_sales&c=net_usd",
    "runs.html",
    "runs/00000000-0000-4000-8000-000000000000.html",
    "errors.html",
    "tables/gold.fact_sales.html",
    "tables/bronze.crm_accounts.html",
)
SHOWN = "[...document.querySelectorAll('[data-tables] tbody tr')].filter((row) => !row.hidden)"
FOCUS = "document.activeElement"


def built(shop: CataloguedShop) -> Path:
    folder = shop.root / "site"
    assert main(["catalog", "build", "--config", str(shop.config), "--env", "test", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(CataloguedShop(tmp_path_factory.mktemp("shop")))


@pytest.fixture(scope="module")
def reader() -> Iterator[Browser]:
    with browser() as found:
        yield found


def look(reader: Browser, site: Path, page: str) -> None:
    reader.open(f"{site.as_uri()}/{page}")


@pytest.fixture(autouse=True)
def nothing_is_complained_of_or_asked_outside(reader: Browser) -> Iterator[None]:
    reader.complaints()
    reader.requests()
    yield
    assert reader.complaints() == []
    asked = reader.requests()
    assert asked
    assert [url for url in asked if not url.startswith(("file:///", "http://127.0.0.1:"))] == []


class TestSearch:
    def test_a_column_is_found_in_its_tables(self, reader: Browser, site: Path) -> None:
        look(reader, site, "index.html")
        reader.press("/")
        reader.press("net_usd")
        reader.wait(f"{SHOWN}.length < 33")
        found = reader.run(f"return {SHOWN}.map((row) => row.querySelector('th a').textContent)")
        assert "gold.fact_sales" in found
        assert "gold.dim_date" not in found
        link = reader.run("return document.querySelector('[data-hits] a').href")
        assert link.endswith("#c-net_usd")
        assert reader.run("return document.querySelector('[data-count]').textContent") == f"{len(found)} of 33 tables"
        reader.press(ENTER)
        assert reader.run(f"return {FOCUS}.textContent") == found[0]
        reader.press(ENTER)
        reader.wait("document.title.startsWith('gold.')")

    def test_words_are_searched_for_from_every_page(self, reader: Browser, site: Path) -> None:
        look(reader, site, "tables/gold.dim_date.html")
        reader.press("/")
        reader.press("calendar 2034" + ENTER)
        reader.wait("location.pathname.endsWith('index.html')")
        reader.wait("document.querySelector('[data-count]').textContent")
        assert reader.run(f"return {SHOWN}.map((row) => row.querySelector('th a').textContent)") == ["gold.dim_date"]

    def test_layers_and_personal_data_are_filtered_by(self, reader: Browser, site: Path) -> None:
        look(reader, site, "index.html")
        reader.run("document.querySelector('[value=gold]').click(); document.querySelector('[name=personal]').click()")
        found = reader.run(f"return {SHOWN}.map((row) => row.querySelector('th a').textContent)")
        assert "silver.customers" in found
        assert not [name for name in found if name.startswith("gold.") or name == "silver.orders"]


class TestLineage:
    def test_a_column_is_followed_by_keyboard_to_its_source_and_back(self, reader: Browser, site: Path) -> None:
        look(reader, site, "tables/gold.fact_sales.html")
        reader.run("document.querySelector('.button').click()")
        reader.wait("document.querySelector('.node.focus')")
        reader.run(
            "[...document.querySelectorAll('.node.focus .column')].find((e) => e.textContent === 'net_usd').focus()"
        )
        reader.press(ENTER)
        reader.wait("document.querySelector('[aria-pressed=true]')")
        shown = reader.run(
            "return [...document.querySelectorAll('.node')].map((node) => node.getAttribute('aria-label'))"
        )
        assert {"snowflake: SALES.ORDERS", "bronze.snowflake_orders", "silver.orders", "gold.fact_orders"} <= set(shown)
        assert "gold.dim_product" not in shown
        reader.run("document.querySelector('[aria-pressed=true]').focus()")
        reader.press(ARROW_LEFT)
        assert reader.run(f"return {FOCUS}.textContent") == "amount_usd"
        reader.press(ARROW_RIGHT)
        assert reader.run(f"return {FOCUS}.textContent") == "net_usd"
        told = reader.run("return document.querySelector('[data-comes]').textContent")
        assert "bronze.snowflake_orders.unit_price transformation, into silver.orders.amount_usd" in told
        reader.run("history.back()")
        reader.wait("!document.querySelector('[aria-pressed=true]')")

    def test_lines_end_at_the_columns_that_they_join(self, reader: Browser, site: Path) -> None:
        look(reader, site, "lineage.html#t=gold.fact_orders_daily&c=revenue_usd")
        reader.wait("document.querySelector('.inner path')")
        off = reader.run(
            """
            const base = document.querySelector('.inner').getBoundingClientRect();
            const ends = [...document.querySelectorAll('.column')].map((each) => each.getBoundingClientRect())
              .flatMap((box) => [[box.right, box.top + box.height / 2], [box.left, box.top + box.height / 2]])
              .map(([x, y]) => [x - base.left, y - base.top]);
            const isEnd = ([x, y]) => ends.some(([u, v]) => Math.abs(x - u) < 1 && Math.abs(y - v) < 1);
            return [...document.querySelectorAll('.inner path')].filter((path) => {
              const numbers = path.getAttribute('d').match(/-?[\\d.]+/g).map(Number);
              return !isEnd(numbers.slice(0, 2)) || !isEnd(numbers.slice(-2));
            }).length;
            """
        )
        assert off == 0

    def test_a_table_that_there_is_not(self, reader: Browser, site: Path) -> None:
        look(reader, site, "lineage.html#t=%3Cimg%20src%3Dx%3E")
        reader.wait("document.querySelector('[data-told]').textContent")
        assert (
            reader.run("return document.querySelector('[data-told]').textContent") == "There is no table <img src=x>."
        )


class TestForEverybody:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [1280, 420])
    def test_nothing_keeps_anybody_out(self, reader: Browser, site: Path, width: int, scheme: str) -> None:
        reader.resize(width, 900)
        reader.prefers(scheme)
        found = {}
        for page in PAGES:
            look(reader, site, page)
            found[page] = reader.violations()
            wide = reader.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{page} is wider than a window of {width}"
        reader.resize(1280, 900)
        assert {page: each for page, each in found.items() if each} == {}

    def test_the_choice_of_colours_is_kept(self, reader: Browser, site: Path) -> None:
        reader.prefers("light")
        look(reader, site, "index.html")
        before = reader.run("return getComputedStyle(document.body).backgroundColor")
        reader.run("document.querySelector('[data-theme-switch]').click()")
        look(reader, site, "runs.html")
        after = reader.run("return getComputedStyle(document.body).backgroundColor")
        reader.run("localStorage.clear()")
        assert before != after


def test_it_is_the_same_from_a_server(reader: Browser, site: Path) -> None:
    with server(site, 0) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        reader.open(f"http://127.0.0.1:{serving.server_port}/lineage.html#t=gold.fact_sales")
        reader.wait("document.querySelector('.node.focus')")
        serving.shutdown()
        thread.join()


def test_a_thousand_tables_are_built_in_half_a_minute_and_open_in_two_seconds(reader: Browser, tmp_path: Path) -> None:
    shop = CataloguedShop(tmp_path, copies=31, days=2)
    began = time.process_time()  # its own: what else the machine does takes nothing of it
    site = built(shop)
    took = time.process_time() - began
    assert len(list((site / "tables").iterdir())) == 31 * 33
    assert took < 30
    for page in (
        "index.html?q=net_usd_",
        "lineage.html#t=gold.fact_sales_7&c=net_usd",
        "tables/gold.fact_sales_7.html",
    ):
        look(reader, site, page)
        opened = reader.run("return performance.getEntriesByType('navigation')[0].loadEventEnd")
        assert 0 < opened < 2000, page
