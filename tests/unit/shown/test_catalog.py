"""The catalog of a lake in which every name, word, check, run and rejected row is a hostile text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from lxml import html

from cli.main import main
from tests.support.hostile import FORGED, HOSTILE, read, shape, tokens, unseen
from tests.support.lakes.hostile import HostileLake, storable
from tidemark import shown
from tidemark.catalog.facts import gather
from tidemark.catalog.pages import run_slug, slug
from tidemark.catalog.schema_page import schema_page
from tidemark.catalog.site import write_site
from tidemark.control.state import open_state

TEXTS = tuple(text for text in HOSTILE if text.strip())
ADDRESSES = ("href", "src", "action")


class Catalog:
    """The catalog of a lake, and how its pages are made."""

    def __init__(self, root: Path, texts: tuple[str, ...]) -> None:
        self.lake, self.site = HostileLake(root), root / "site"
        self.lake.fill(texts)
        project = self.lake.project
        write_site(gather(project, open_state(project.environment), {}), self.site)

    def page(self, name: str) -> html.HtmlElement:
        return html.fromstring((self.site / name).read_text("utf-8"))

    def of_table(self, number: int) -> html.HtmlElement:
        return self.page(f"tables/{slug(self.lake.name(number))}.html")

    def of_run(self, number: int) -> html.HtmlElement:
        return self.page(f"runs/{run_slug(self.lake.run_id(number))}.html")

    def data(self, name: str) -> object:
        text = (self.site / "data" / f"{name}.js").read_text("utf-8").partition(f"window.tidemark.{name} = ")[2]
        return json.loads(text.strip().removesuffix(";"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog(tmp_path_factory.mktemp("hostile"), TEXTS)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The same with a word in the place of each text."""
    return Catalog(tmp_path_factory.mktemp("plain"), tuple(f"word {number:02d}" for number in range(len(TEXTS))))


def made_of(page: html.HtmlElement) -> list[tuple[str, tuple[str, ...]]]:
    """Elements with the names of their attributes, in their order."""
    return [(each.tag, tuple(each.attrib)) for each in page.iter() if isinstance(each.tag, str)]


def told(page: html.HtmlElement) -> str:
    return " ".join(page.text_content().split())


def as_read(text: str) -> str:
    """A text as a page shows it, where blanks count once."""
    return " ".join(shown.visible(text).split())


def test_every_page_is_made_of_the_same_whatever_is_written_on_it(hostile: Catalog, plain: Catalog) -> None:
    for number, text in enumerate(TEXTS):
        assert made_of(hostile.of_table(number)) == made_of(plain.of_table(number)), text
    for number in range(len(TEXTS) - 20, len(TEXTS)):
        assert made_of(hostile.of_run(number)) == made_of(plain.of_run(number)), TEXTS[number]
    for name in ("index.html", "runs.html", "lineage.html"):
        assert made_of(hostile.page(name)) == made_of(plain.page(name)), name
    # Rules are summed up by what stands behind their last point: there are fewer.
    assert set(made_of(hostile.page("errors.html"))) == set(made_of(plain.page("errors.html")))


def test_addresses_lead_to_pages_of_the_catalog_alone(hostile: Catalog) -> None:
    for path in hostile.site.rglob("*.html"):
        for element in html.fromstring(path.read_text("utf-8")).iter():
            for name in set(ADDRESSES) & set(element.attrib):
                address = urlsplit(element.get(name))
                assert (address.scheme, address.netloc) == ("", ""), path
                target = (path.parent / unquote(address.path)).resolve() if address.path else path
                assert target.is_relative_to(hostile.site.resolve()), path
                assert target.is_file(), f"{path.name}: {element.get(name)}"


def test_every_text_can_be_read(hostile: Catalog) -> None:
    index, errors = told(hostile.page("index.html")), told(hostile.page("errors.html"))
    for number, text in enumerate(TEXTS):
        page, name = hostile.of_table(number), hostile.lake.name(number)
        for section in ("columns", "quality", "rejected", "lineage"):
            (part,) = page.xpath(f"//section[@aria-labelledby='{section}']")
            # What the configuration says has no lone surrogates; what rows say may.
            there = text if section == "rejected" else storable(text)
            assert as_read(there) in told(part), (section, text)
        assert as_read(name) in told(page)
        assert as_read(name) in index
        assert as_read(storable(text)) in index
        assert as_read(text) in errors
    for number in range(len(TEXTS) - 20, len(TEXTS)):
        page = told(hostile.of_run(number))
        first = TEXTS[number].splitlines()[0]
        assert as_read(first) in page
        assert as_read(TEXTS[number]) in page, "warnings tell all of it"


def test_nothing_on_a_page_is_unseen(hostile: Catalog) -> None:
    for path in hostile.site.rglob("*"):
        if path.suffix in (".html", ".js") and path.parent.name != "static":
            assert not unseen(path.read_text("utf-8"), "\n"), path


def test_scripts_get_their_data_as_text(hostile: Catalog) -> None:
    for name in ("search", "lineage"):
        assert not {"<", ">", "&"} & set((hostile.site / "data" / f"{name}.js").read_text("utf-8"))
    search = hostile.data("search")
    assert isinstance(search, list)
    found: Mapping[str, tuple[str, list[list[str]]]] = {name: (words, columns) for name, words, columns in search}
    for number, text in enumerate(TEXTS):
        words, columns = found[shown.visible(hostile.lake.name(number))]
        assert as_read(storable(text)) in " ".join(words.split())
        assert as_read(storable(text)) in [" ".join(column[1].split()) for column in columns]
    lineage = hostile.data("lineage")
    assert isinstance(lineage, dict)
    drawn = [each[0] for each in lineage["tables"]]
    for text in TEXTS:
        assert shown.visible(f"shop: {storable(text)}") in drawn


def test_the_page_of_contracts_is_made_of_the_same(hostile: Catalog, plain: Catalog) -> None:
    for number, text in enumerate(TEXTS):
        one, other = (
            schema_page({each.lake.name(number): each.lake.project.table(each.lake.name(number))})
            for each in (hostile, plain)
        )
        assert shape(one) == shape(other), text
        assert not unseen(one, "\n")
        assert " ".join(shown.line(storable(text)).split()) in " ".join(read(tokens(one)).split()), text


@pytest.mark.parametrize("command", ["ls", "errors list --limit 0", "runs list --limit 100", "validate", "state show"])
def test_the_command_line_makes_no_line_of_a_text(
    command: str, hostile: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = asked(hostile, capsys, *command.split())
    assert printed
    assert not FORGED & set(printed)


def test_graphs_have_the_lines_that_they_say(
    hostile: Catalog, plain: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    for form in ("text", "mermaid"):
        one, other = (asked(each, capsys, "graph", "--format", form) for each in (hostile, plain))
        assert len(one) == len(other) > len(TEXTS)


def test_nodes_and_arrows_of_a_mermaid_chart_are_its_own(hostile: Catalog, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = asked(hostile, capsys, "graph", "--format", "mermaid")
    for line in drawn:
        label = r'(?:[\w.]+|"[^"<>\[\]{}|`]*")'
        node = rf"\w[\w.]*(?:\[{label}\]|\(\[{label}\]\))?"
        assert re.fullmatch(rf"flowchart LR|  {node}(?: --> {node})?", line), line


def asked(catalog: Catalog, capsys: pytest.CaptureFixture[str], *command: str) -> list[str]:
    main([*command, "--env", "test", "--config", str(catalog.lake.root / "config")])
    printed = capsys.readouterr()
    assert not unseen(printed.out + printed.err, "\n")
    return (printed.out + printed.err).splitlines()
