"""The catalog as it is written: what stands in it, where its links lead, and that text stays text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pyarrow as pa
import pytest
from lxml import html

from cli.console.output import stdout
from cli.main import main
from tests.support.lakes.catalogued import SECRET, CataloguedShop
from tests.support.lakes.released import ReaderLake
from tidemark.aws.folder import open_folder
from tidemark.books import Books
from tidemark.catalog.facts import gather
from tidemark.catalog.record import recorded
from tidemark.catalog.site import write_site
from tidemark.config.project import load_project
from tidemark.control.runs import RunStore, RunSummary, TableResult, TableStatus
from tidemark.control.state import open_state
from tidemark.errors import TidemarkError

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & 'quoted' \u2028 {{ 7919 * 7919 }}"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> CataloguedShop:
    return CataloguedShop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def site(shop: CataloguedShop) -> Path:
    sales = shop.config / "gold" / "fact_sales.contract.yaml"
    text = sales.read_text("utf-8")
    sales.write_text(text.replace("decimal(18,2)", "decimal(12,2)", 1), encoding="utf-8")
    shop.commit("The shop")
    sales.write_text(text.replace("version: 1.0.0", "version: 1.1.0"), encoding="utf-8")
    shop.commit("Prices grow <b>")
    project = load_project(shop.config, "test")
    folder = shop.root / "site"
    assert write_site(gather(project, open_state(project.environment), {}), folder) == 33 + 4 + len(shop.runs)
    return folder


def page(site: Path, name: str) -> html.HtmlElement:
    return html.fromstring((site / name).read_text("utf-8"))


def words(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def section(found: html.HtmlElement, name: str) -> html.HtmlElement:
    (part,) = found.xpath(f"//section[@aria-labelledby='{name}']")
    return part


class TestPages:
    def test_the_list_has_every_table_with_its_numbers(self, site: Path, shop: CataloguedShop) -> None:
        rows = page(site, "index.html").xpath("//table//tbody/tr")
        shown = {row.xpath("string(th/a)"): [words(cell) for cell in row.xpath("td")] for row in rows}
        assert set(shown) == set(shop.project.tables)
        about, owner, rows_now, columns, status, _, rejected = shown["gold.fact_sales"]
        assert (about[:11], owner, columns, status, rejected) == ("Order lines", "analytics", "16", "committed", "–")
        assert rows_now == "52"  # 40, 7 and 5: as the shop has written them
        assert shown["bronze.crm_accounts"][6] == "3"

    def test_a_table_tells_its_columns(self, site: Path) -> None:
        found = page(site, "tables/gold.dim_customer.html")
        rows = {row.get("id"): row for row in section(found, "columns").xpath(".//tbody/tr")}
        email = words(rows["c-email"])
        assert "Masked: first character and domain." in email
        assert "masked: email" in email
        assert "personal" in email
        assert rows["c-email"].xpath(".//a/@href") == ["silver.customer_versions.html#c-email"]
        assert "key" in words(rows["c-customer_sk"].xpath("th")[0])
        assert "never null" in words(rows["c-valid_from"])
        assert "2025-03-01 06:00:00" in words(rows["c-valid_from"])

    def test_ends_are_told_of_open_numbers_and_times_alone(self, site: Path) -> None:
        found = page(site, "tables/silver.customers.html")
        for row in section(found, "columns").xpath(".//tbody/tr"):
            column_type, is_personal = words(row.xpath("td")[0]), bool(row.xpath(".//*[contains(@class,'personal')]"))
            ends = words(row.xpath("td")[5])
            assert bool(ends) is (column_type not in ("string", "boolean") and not is_personal)

    def test_no_value_of_a_row_is_in_it(self, site: Path) -> None:
        told = [path for path in site.rglob("*") if path.is_file() and SECRET in path.read_text("utf-8")]
        assert told == []

    def test_runs_checks_and_rejected_rows(self, site: Path, shop: CataloguedShop) -> None:
        found = page(site, "tables/bronze.crm_accounts.html")
        rows = section(found, "runs").xpath(".//tbody/tr")
        assert [words(row.xpath("th")[0]) for row in rows] == [run.short_id for run in shop.runs[::-1]]
        rejected = {words(row.xpath("th")[0]): words(row.xpath("td")[0]) for row in
                    section(found, "rejected").xpath(".//tbody/tr")}  # fmt: skip
        assert rejected == {"id.required": "1", "id.pattern": "2"}
        checks = {words(row.xpath("th")[0]): words(row.xpath("td")[3]) for row in
                  section(found, "quality").xpath(".//tbody/tr")}  # fmt: skip
        assert (checks["few are late"], checks["the longest word"]) == ("7", "–")
        assert len(section(found, "trends").xpath(".//*[local-name()='svg'][@role='img'][@aria-label]")) == 3

    def test_rejected_rows_of_a_table_that_is_gone_are_told(self, shop: CataloguedShop, tmp_path: Path) -> None:
        project = load_project(shop.config, "test")
        left = {name: table for name, table in project.tables.items() if "crm" not in name and table.layer == "bronze"}
        facts = gather(replace(project, tables=left), open_state(project.environment), {})
        write_site(facts, tmp_path / "site")
        told = words(page(tmp_path / "site", "errors.html"))
        assert "not in the configuration any more: bronze.crm_accounts 3, bronze.crm_contacts 3" in told

    def test_freshness_is_told_over_its_runs(self, site: Path, shop: CataloguedShop) -> None:
        (name, *_) = [name for name, table in shop.project.tables.items() if table.contract.freshness]
        told = [words(each) for each in section(page(site, f"tables/{name}.html"), "trends").xpath(".//figcaption")]
        assert told[3] == "Hours since the newest row 3.2 to 5.2 over 3 runs"

    def test_versions_of_a_contract_say_what_they_changed(self, site: Path) -> None:
        newest, first = section(page(site, "tables/gold.fact_sales.html"), "versions").xpath(".//ol/li")
        assert "Prices grow <b>" in words(newest)
        assert "compatible unit_price: type decimal(12,2) became decimal(18,2)" in words(newest)
        assert "The first that is known." in words(first)
        assert not (site / "contracts.json").exists()

    def test_lineage_reaches_from_a_source_to_gold(self, site: Path) -> None:
        text = (site / "data" / "lineage.js").read_text("utf-8").partition("window.tidemark.lineage = ")[2]
        graph = json.loads(text.strip().removesuffix(";"))
        names = [table[0] for table in graph["tables"]]
        named = {
            (names[a], graph["tables"][a][3][x], names[b], graph["tables"][b][3][y], graph["hows"][how])
            for a, x, b, y, how, _ in graph["edges"]
        }
        assert ("snowflake: SALES.ORDERS", "unit_price", "bronze.snowflake_orders", "unit_price", "identity") in named
        assert ("silver.orders", "amount_usd", "gold.fact_sales", "net_usd", "identity") in named
        assert graph["unknown"] == []


class TestRunsThatAreNoLoads:
    """After a load that failed, the table was planned and maintained."""

    @pytest.fixture(scope="class")
    def after(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        lake = ReaderLake(tmp_path_factory.mktemp("lake"))
        lake.table("gold.sales", "id: int")
        project, books = lake.project, Books(9, 7, 2, inserted=7)
        runs = RunStore(open_folder(project.environment.roots.runs))
        results: list[tuple[str, TableStatus, Books | None]] = [
            ("daily", "gate failed", books), ("plan", "prepared", books), ("maintain", "unchanged", None),
        ]  # fmt: skip
        for day, (flow, status, found) in enumerate(results, 1):
            began = datetime(2025, 3, day, 6)
            result = TableResult("gold.sales", status, books=found)
            runs.save(RunSummary(f"r{day}", flow, "test", began.date(), began, "done", began, tables=(result,)))
        site = lake.root / "site"
        write_site(gather(project, open_state(project.environment), {}), site)
        return site

    def test_the_newest_load_is_told(self, after: Path) -> None:
        index, table = page(after, "index.html"), page(after, "tables/gold.sales.html")
        assert "done newest load daily, 2025-03-01 06:00" in words(index)
        (row,) = [row for row in index.xpath("//tbody/tr") if row.xpath("string(th/a)") == "gold.sales"]
        assert words(row.xpath("td")[4]) == "gate failed"
        assert "gate failed newest load 2025-03-01 06:00" in words(table)

    def test_its_runs_say_what_they_were_and_nothing_that_was_not_written(self, after: Path) -> None:
        rows = section(page(after, "tables/gold.sales.html"), "runs").xpath(".//tbody/tr")
        shown = [[words(cell) for cell in row.xpath("td")] for row in rows]
        assert [[flow, status, *numbers] for _, flow, _, status, *numbers, _, _, _ in shown] == [
            ["maintain", "unchanged", "–", "–", "–", "–", "–"],
            ["plan", "prepared", "9", "–", "–", "–", "2"],
            ["daily", "gate failed", "9", "–", "–", "–", "2"],
        ]

    def test_promises_of_which_nothing_is_known_are_not_counted_as_kept(self, site: Path) -> None:
        assert "0 / 8 promises are kept, 8 not known yet" in words(page(site, "index.html"))


class TestEveryPage:
    def test_links_lead_to_pages_and_places_that_are_there(self, site: Path) -> None:
        pages = {path: html.fromstring(path.read_text("utf-8")) for path in site.rglob("*.html")}
        for path, found in pages.items():
            for link in found.xpath("//@href | //@src | //@action"):
                file, place = urldefrag(link)
                target = (path.parent / unquote(file)).resolve() if file else path
                assert target.is_file(), f"{path.name}: {link}"
                if place and target in pages and not place.startswith("t="):
                    assert pages[target].get_element_by_id(unquote(place), None) is not None, f"{path.name}: {link}"

    def test_nothing_asks_for_anything_outside(self, site: Path) -> None:
        for path in site.rglob("*"):
            if path.suffix in (".html", ".css", ".js"):
                outside = re.findall(
                    r"(?:https?:)?//[\w.-]+\.\w+|@import|fetch\(|XMLHttpRequest", path.read_text("utf-8")
                )
                assert set(outside) <= {"http://www.w3.org"}, path.name  # the name of SVG

    def test_who_cannot_see_finds_the_way(self, site: Path) -> None:
        for path in site.rglob("*.html"):
            found = html.fromstring(path.read_text("utf-8"))
            assert found.get("lang") == "en"
            assert len(found.xpath("//main")) == len(found.xpath("//h1")) == 1
            assert found.xpath("//body/*[1]/@href") == ["#main"]
            levels = [int(each.tag[1]) for each in found.xpath("//main//*[self::h1 or self::h2 or self::h3]")]
            assert all(later <= before + 1 for before, later in pairwise(levels)), path.name
            for control in found.xpath("//input | //select"):
                labelled = found.xpath(f"//label[@for='{control.get('id')}']") or control.xpath("ancestor::label")
                assert labelled, html.tostring(control)
            assert not found.xpath(
                "//th[not(@scope)] | //img[not(@alt)] | //*[@style] | //*[starts-with(@on, '')][@onclick]"
            )
            ids = found.xpath("//@id")
            assert len(ids) == len(set(ids))


def test_text_from_anywhere_stays_text(tmp_path: Path) -> None:
    lake = ReaderLake(tmp_path)
    lake.table("gold.odd", "id: int")
    contract = tmp_path / "config" / "gold" / "odd.contract.yaml"
    told = json.dumps(HOSTILE)
    contract.write_text(
        f"{contract.read_text('utf-8')}\ndescription: {{purpose: {told}}}\nteam: {{name: {told}}}\ntags: [{told}]\n"
        f"name: {told}\ndomain: {told}\n",
        encoding="utf-8",
    )
    project = lake.project
    source = project.tables["bronze.given"]
    spec = source.load.source.model_copy(update={"object": HOSTILE, "fields": {"id": HOSTILE}})  # as a source calls it
    named = replace(source, load=source.load.model_copy(update={"source": spec}))
    project = replace(project, tables={**project.tables, "bronze.given": named})
    site = tmp_path / "site"
    write_site(gather(project, open_state(project.environment), {}), site)
    for path in site.rglob("*.html"):
        found = html.fromstring(path.read_text("utf-8"))
        assert {script.get("src") is not None for script in found.xpath("//script")} == {True}
        assert not found.xpath("//img[@src='x'] | //*[@onerror]")
        assert str(7919 * 7919) not in words(found)
    assert HOSTILE.split("\u2028")[0].strip() in words(page(site, "tables/gold.odd.html"))
    for path in (site / "data").glob("*.js"):
        text = path.read_text("utf-8")
        assert "\\u003c/script\\u003e" in text
        assert not {"<", "\u2028"} & set(text)


def test_without_git_the_catalog_itself_remembers_contracts(tmp_path: Path) -> None:
    lake = ReaderLake(tmp_path)
    lake.table("gold.sales", "id: int", "name: string")
    site = tmp_path / "site"

    def numbers() -> list[str]:
        project = lake.project
        write_site(gather(project, open_state(project.environment), recorded(site)), site)
        return [words(each) for each in section(page(site, "tables/gold.sales.html"), "versions").xpath(".//ol/li")]

    assert len(numbers()) == 1
    assert len(numbers()) == 1
    lake.table("gold.sales", "id: int")
    newest, first = numbers()
    assert "breaking name: the column was removed" in newest
    assert "The first that is known." in first
    (site / "contracts.json").write_text('{"gold.sales": [{}]}', encoding="utf-8")
    with pytest.raises(TidemarkError, match="cannot be read"):
        recorded(site)


def test_a_table_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    lake = ReaderLake(tmp_path)
    lake.table("gold.sales", "id: int")
    lake.write("gold.sales", pa.table({"id": [1]}))
    lake.release({"gold.sales": 7})
    project = lake.project
    write_site(gather(project, open_state(project.environment), {}), tmp_path / "site")
    assert "version 7 of release r1 cannot be opened" in words(page(tmp_path / "site", "tables/gold.sales.html"))


class TestTheCommand:
    @pytest.fixture(autouse=True)
    def project(self, shop: CataloguedShop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TIDEMARK_CONFIG", str(shop.config))
        monkeypatch.setenv("TIDEMARK_ENV", "test")
        stdout.cache_clear()

    def test_a_folder_of_something_else_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("years of work", encoding="utf-8")
        assert main(["catalog", "build", "--out", str(tmp_path)]) == 2
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
        assert main(["catalog", "serve", "--out", str(tmp_path)]) == 2

    def test_it_is_built_over_an_older_one(
        self, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "new" / "site"
        for _ in range(2):
            assert main(["catalog", "build", "--out", str(out), "--json"]) == 0
            told = json.loads(capsys.readouterr().out)
            assert (told["tables"], told["unreadable"], Path(told["index"])) == (33, {}, out / "index.html")
        assert [path.name for path in out.parent.iterdir()] == ["site"]


def test_the_page_of_all_schemas_is_that_of_the_contracts(capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(__file__).parents[3]
    assert main(["catalog", "schema", "--config", str(root / "config")]) == 0
    kept = (root / "docs" / "schema-catalog.md").read_text("utf-8")
    assert capsys.readouterr().out == kept, "write it anew: tidemark catalog schema > docs/schema-catalog.md"
