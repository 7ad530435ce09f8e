"""`tidemark init`: a project in an empty folder, and tables of it that are fit to run as they are."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.main import main
from tidemark.config.jobs import load_jobs
from tidemark.config.project import load_project
from tidemark.config.schemas import MODELS
from tidemark.lint import lint

SUPPLIERS = "Supplier ID;Contact Email;Since\nS-1;a@firm.example;2020-01-01\nS-2;b@firm.example;2021-01-01\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project, the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("TIDEMARK_CONFIG", "TIDEMARK_ENV", "TIDEMARK_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert main(["init", "project"]) == 0
    return tmp_path


def put(project: Path, name: str, text: str = SUPPLIERS) -> str:
    path = project / "landing" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return f"landing/{name}"


def refused(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(arguments) == 2
    assert told in " ".join(capsys.readouterr().err.split())


def test_a_project_is_complete_but_for_its_tables(project: Path) -> None:
    assert [finding.message for finding in lint("config", "local")] == ["holds no tables"]
    assert set(load_jobs(Path("config"))) == {"daily", "bronze", "silver_and_gold"}
    assert {path.name for path in Path("config/schemas").iterdir()} == {f"{kind}.schema.json" for kind in MODELS}
    assert (project / "landing").is_dir()
    assert ".tidemark/" in (project / ".gitignore").read_text("utf-8")


def test_a_project_is_not_made_over_another(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (project / "config/env/local.yaml").read_bytes()
    refused(["init", "project", "."], "config is there already", capsys)
    assert (project / "config/env/local.yaml").read_bytes() == before
    assert main(["init", "project", "other"]) == 0
    assert (project / "other/config/jobs.yaml").is_file()


def test_a_file_becomes_a_table_that_is_fit_to_run(project: Path) -> None:
    assert main(["init", "--from", put(project, "suppliers.csv")]) == 0
    assert lint("config", "local") == []
    table = load_project("config", "local").table("bronze.suppliers")
    assert [(column.name, column.type) for column in table.contract.columns] == [
        ("supplier_id", "string"),
        ("contact_email", "string"),
        ("since", "date"),
    ]
    assert table.contract.keys == table.load.write.keys == ("supplier_id",)
    assert table.contract.column("contact_email").mask == "email"
    assert table.load.source is not None
    assert table.load.source.object == "suppliers.csv"
    assert table.load.source.options == {"sep": ";"}
    assert table.load.source.fields == {"supplier_id": "Supplier ID", "contact_email": "Contact Email"}


@pytest.mark.parametrize(
    ("file", "told", "table", "wanted"),
    [
        ("trips_2025-01.csv", "landing/trips_2025-01.csv", "trips", "trips_[0-9]*.csv"),
        ("returns/dt=2025-01-01/a.csv", "landing/returns/dt=2025-01-01/a.csv", "returns", "returns/"),
        ("returns/dt=2025-01-01/a.csv", "landing/returns/", "returns", "returns/"),
        ("returns/2025/01/a.csv", "landing/returns", "returns", "returns/"),
        ("a b/c d.csv", "landing/a b/c d.csv", "a_b", "a b/"),
        ("x/y.csv", "landing.x/", "x", "x/"),
        ("x/y.csv", "landing.x/y.csv", "y", "x/y.csv"),
        ("a[1]{b}.csv", "landing/a[1]{b}.csv", "a", "a[1]{b}.csv"),
        ("a[1]_2025.csv", "landing/a[1]_2025.csv", "a", r"a\[1]_[0-9]*.csv"),
        ("null.csv", "landing/null.csv", "null", "null.csv"),
        ("on.csv", "landing/on.csv", "on", "on.csv"),
        ("2025.csv", "landing/2025.csv", "t_2025", "2025.csv"),
    ],
)
def test_what_is_received_besides_the_file_itself(file: str, told: str, table: str, wanted: str, project: Path) -> None:
    put(project, file)
    assert main(["init", "--from", told]) == 0
    loaded = load_project("config", "local").table(f"bronze.{table}").load.source
    assert loaded is not None
    assert loaded.object == wanted
    assert lint("config", "local") == []


def test_what_only_begins_alike_is_another_table(project: Path) -> None:
    put(project, "u16.csv", "id,v\n1,2\n2,3\n")
    put(project, "u17.csv", "id,w\n1,2\n2,3\n")
    put(project, "users.csv", "name\nann\nbob\n")
    assert main(["init", "--from", "landing/u16.csv"]) == 0
    table = load_project("config", "local").table("bronze.u")
    assert table.load.source is not None
    assert table.load.source.object == "u[0-9]*.csv"
    assert set(table.contract.column_names) == {"id", "v", "w"}


def test_bytes_that_are_no_text_are_in_no_contract(project: Path) -> None:
    file = project / "landing" / "hashed.parquet"
    table = {"id": [1, 2], "hash": [b"\xff\x00", None], "bytes": [b"text", b"too"]}
    pq.write_table(pa.table(table), file)
    assert main(["init", "--from", "landing/hashed.parquet"]) == 0
    assert lint("config", "local") == []
    assert load_project("config", "local").table("bronze.hashed").contract.column_names == ("id", "bytes")
    hint = "# Not in the contract, as it holds bytes that are no text, and received all the same: hash."
    assert hint in (project / "config/bronze/hashed.load.yaml").read_text("utf-8")


def test_folders_that_are_columns_are_in_the_contract(project: Path) -> None:
    put(project, "visits/country=DE/dt=2025-01-01/a.csv", "id\n1\n2\n")
    put(project, "visits/country=FR/b.csv", "id\n3\n")
    assert main(["init", "--from", "landing/visits"]) == 0
    columns = load_project("config", "local").table("bronze.visits").contract.column_names
    assert set(columns) == {"id", "country"}


def test_a_table_may_have_another_name_and_is_never_written_over(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = put(project, "suppliers.csv")
    assert main(["init", "--from", file, "--table", "vendors"]) == 0
    assert main(["init", "--from", file]) == 0
    refused(["init", "--from", file], "suppliers.contract.yaml is there already", capsys)
    refused(["init", "--from", file, "--table", "Not A Name"], "no name of a table", capsys)
    refused(["init", "--from", file, "--from", file, "--table", "x"], "cannot have one name", capsys)
    assert set(load_project("config", "local").tables) == {"bronze.vendors", "bronze.suppliers"}


@pytest.mark.parametrize(
    ("told", "answer"),
    [
        ("landing/none.csv", "there is no file or folder landing/none.csv"),
        ("lnding.suppliers", "did you mean `landing`?"),
        ("elsewhere.csv", "cp -r elsewhere.csv"),
        ("else where.csv", "cp -r 'else where.csv'"),
        ("landing/empty.csv", "empty.csv is empty"),
        ("landing/.hidden.csv", "is passed over, as every file is whose name begins with a dot"),
        ("landing/own.csv", "own.csv has a column whose name is the engine's own (_Origin, __tidemark_x)"),
        ("landing/empty.json", "empty.json holds no object with a key"),
        ("landing/book.xlsx", "do not tell what they are"),
        ("landing.nothing/", "landing/nothing"),
        ("query.sql", "put it where its table is to be: config/gold/query.sql"),
        ("config/gold/none.sql", "there is no file config/gold/none.sql"),
    ],
)
def test_what_cannot_be_looked_at(told: str, answer: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(project, "empty.csv", "")
    put(project, "book.xlsx", "x")
    put(project, "empty.json", "[{}]")
    put(project, ".hidden.csv")
    put(project, "own.csv", "a,_Origin,__tidemark_x\n1,2,3\n")
    for name in ("elsewhere.csv", "else where.csv"):
        (project / name).write_text(SUPPLIERS, "utf-8")
    (project / "query.sql").write_text("SELECT 1", "utf-8")
    capsys.readouterr()
    assert main(["init", "--from", told]) in (1, 2)
    assert answer in " ".join(capsys.readouterr().err.split())
    assert not (project / "config/bronze").exists()


def test_without_a_project_it_says_how_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIDEMARK_CONFIG", raising=False)
    refused(["init", "--from", "a.csv"], "tidemark init project", capsys)
