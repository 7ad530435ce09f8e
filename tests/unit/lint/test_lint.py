from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.lakes.config_folder import ConfigFolder
from tidemark.config.project import load_project
from tidemark.errors import ConfigError
from tidemark.lint import lint

SHIPPED = Path(__file__).parents[3] / "config"

MISTAKES = yaml.safe_load((Path(__file__).parent / "mistakes.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["message"])
def test_what_is_wrong_is_found_on_its_line_with_a_fix(folder: ConfigFolder, mistake: dict[str, Any]) -> None:
    folder.edit(mistake["file"], mistake["replace"], mistake["with"])
    expected = f"{mistake.get('in', mistake['file'])}:{mistake['line']}: {mistake['message']}"
    assert expected in folder.found()
    (fix,) = {each.fix for each in folder.findings() if each.message == mistake["message"]}
    assert mistake["fix"] in fix


def test_a_folder_that_is_fit_to_run_has_no_findings(folder: ConfigFolder) -> None:
    assert folder.found() == []
    assert load_project(folder.root, "local").order()[0] == "bronze.people"


def test_the_shipped_configuration_has_no_findings() -> None:
    assert [str(finding) for env in ("local", "dev", "prod") for finding in lint(SHIPPED, env)] == []


def test_a_window_may_replace_the_partitions_that_are_values_of_its_watermark(folder: ConfigFolder) -> None:
    write = "write: {mode: append, keys: [person_id, updated_at]}\ncluster_by: [updated_at]"
    partitioned = "write: {mode: replace, partition_by: [updated_at]}\npartition_by: [updated_at]"
    folder.edit("bronze/people.load.yaml", write, partitioned)
    assert folder.found() == []
    folder.edit("bronze/people.load.yaml", "tags:", "cast: {updated_at: truncate}\ntags:")
    (found,) = folder.findings()
    assert "in place of whole partitions" in found.message


def test_a_warehouse_unloads_to_a_bucket(folder: ConfigFolder) -> None:
    folder.edit("bronze/people.load.yaml", "connection: crm", "connection: warehouse")
    assert folder.found() == []
    folder.edit("env/local.yaml", "s3a://exchange/", "/data/exchange")
    assert folder.found() == [
        "bronze/people.load.yaml:2: a snowflake connection cannot write to /data/exchange",
    ]


@pytest.mark.parametrize(
    ("roots", "warned"),
    [
        ("{lake: s3a://acme/lake}", "s3a://acme/lake/_errors"),
        ("{lake: s3a://acme/lake, errors: s3://acme/lake/rejected/}", "s3://acme/lake/rejected"),
        ("{lake: s3a://acme/lake, errors: s3a://acme/lake-errors}", None),
        ("{lake: s3a://acme/lake, errors: s3a://acme-errors}", None),
        ("{lake: /data/lake}", None),
    ],
)
def test_rejected_rows_in_a_bucket_are_not_below_the_lake(folder: ConfigFolder, roots: str, warned: str | None) -> None:
    folder.edit("env/local.yaml", "exchange: s3a://exchange/", f"exchange: s3a://exchange/\nroots: {roots}")
    told = [(each.line, each.severity, each.message.partition(", below")[0]) for each in folder.findings()]
    assert told == ([(4, "warning", f"rejected rows rest in {warned}")] if warned else [])


def test_lint_loads_nothing_that_takes_its_time() -> None:
    code = "import sys; from tidemark.lint import lint; lint(sys.argv[1], 'local'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, str(SHIPPED)], capture_output=True, text=True, check=True)
    slow = {"pyspark", "prefect", "pandas", "deltalake", "snowflake.connector", "redshift_connector", "soda"}
    assert slow & set(done.stdout.split()) == set()


def test_one_mistake_is_one_finding(folder: ConfigFolder) -> None:
    folder.edit("silver/person_versions.sql", "lower(email)", "lower(e_mail)")
    folder.edit("gold/dim_person.load.yaml", "track: [email,", "track: [mail,")
    assert folder.found() == [
        "gold/dim_person.load.yaml:8: write.track: there is no column `mail`",
        "silver/person_versions.sql:3: no column `e_mail` in bronze.people",
    ]


def test_a_near_name_in_a_query_is_named(folder: ConfigFolder) -> None:
    folder.edit("silver/person_versions.sql", "AS email", "AS e_mail")
    fixes = {each.message: each.fix for each in folder.findings()}
    assert fixes["the query gives `e_mail`, which the contract lacks"] == "did you mean `email`?"


def test_tables_that_are_read_must_be_inputs(folder: ConfigFolder) -> None:
    folder.edit(
        "gold/dim_person.load.yaml", "silver.person_versions: {on: [person_id]}", "bronze.people: {on: [person_id]}"
    )
    assert folder.found() == [
        "gold/dim_person.load.yaml:2: input bronze.people is not read by dim_person.sql",
        "gold/dim_person.sql:2: the query reads silver.person_versions, which is no input",
    ]


def test_tables_that_do_not_exist_are_found_in_loads_and_queries(folder: ConfigFolder) -> None:
    folder.edit("gold/cities.load.yaml", "gold.dim_person", "gold.dim_persn")
    folder.edit("gold/cities.sql", "gold.dim_person", "gold.dim_persn")
    assert folder.found() == [
        "gold/cities.load.yaml:2: gold.cities reads gold.dim_persn, which does not exist",
        "gold/cities.sql:2: table gold.dim_persn does not exist",
    ]
    assert {each.fix for each in folder.findings()} == {"did you mean `gold.dim_person`?"}


def test_a_table_without_layer_is_told_which(folder: ConfigFolder) -> None:
    folder.edit("gold/cities.sql", "FROM gold.dim_person", "FROM dim_person")
    (first, *_) = [each for each in folder.findings() if each.file.name == "cities.sql"]
    assert (first.line, first.message, first.fix) == (2, "table `dim_person` has no layer", "write gold.dim_person")


def test_circles_are_found(folder: ConfigFolder) -> None:
    folder.edit(
        "silver/person_versions.load.yaml",
        "bronze.people: {on: [person_id, updated_at]}",
        "gold.cities: {refresh: full}",
    )
    folder.edit("silver/person_versions.sql", "FROM bronze.people", "FROM gold.cities")
    found = [each for each in folder.found() if "circle" in each or "comes before" in each]
    assert found == [
        "gold/cities.load.yaml:1: tables read each other in a circle: "
        "gold.cities → gold.dim_person → silver.person_versions → gold.cities",
        "silver/person_versions.load.yaml:2: silver.person_versions reads gold.cities: silver comes before gold",
    ]


def test_history_columns_must_be_in_the_contract(folder: ConfigFolder) -> None:
    folder.edit(
        "gold/dim_person.contract.yaml",
        "      - {name: valid_to, logicalType: timestamp, physicalType: timestamp}\n",
        "",
    )
    assert folder.found() == [
        "gold/dim_person.contract.yaml:1: the history gold.dim_person has no column `valid_to`, which the engine fills"
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("gold/cities.sql", "gold/cities.load.yaml:1: gold.cities has neither a query nor a transform"),
        ("gold/cities.load.yaml", "gold/cities.load.yaml:1: gold.cities has no cities.load.yaml"),
        ("gold/cities.contract.yaml", "gold/cities.contract.yaml:1: gold.cities has no cities.contract.yaml"),
    ],
)
def test_a_missing_file_is_named(folder: ConfigFolder, path: str, expected: str) -> None:
    folder.remove(path)
    assert folder.found() == [expected]


@pytest.mark.parametrize(
    ("path", "expected", "fix"),
    [
        ("gold/cities.load.yml", "gold/cities.load.yml:1: cities.load.yml is not read", "`.load.yaml`"),
        ("gold/old/x.sql", "gold/old:1: a folder inside a layer is not read", "gold/"),
        ("glod/x.contract.yaml", "glod:1: `glod` is no layer, its tables are not read", "`gold`"),
    ],
)
def test_files_that_nothing_reads_are_found(folder: ConfigFolder, path: str, expected: str, fix: str) -> None:
    folder.write(path, "")
    (finding,) = folder.findings()
    assert folder.found() == [expected]
    assert fix in finding.fix


def test_sections_of_the_wrong_layer_are_found(folder: ConfigFolder) -> None:
    folder.edit("bronze/people.load.yaml", "tags: [crm]", "inputs: {bronze.other: {on: [person_id]}}\ntransform: a.b:c")
    folder.write("bronze/people.sql", "SELECT 1")
    folder.edit("gold/cities.load.yaml", "write:", "source: {connection: crm, object: X}\ntransform: a.b:c\nwrite:")
    found = folder.found()
    assert "bronze/people.load.yaml:8: `inputs` has no meaning in bronze" in found
    assert "bronze/people.load.yaml:9: `transform` has no meaning in bronze" in found
    assert "bronze/people.sql:1: a bronze table has no query" in found
    assert "gold/cities.load.yaml:3: `source` belongs to bronze" in found
    assert "gold/cities.load.yaml:4: gold.cities has a query and a transform" in found


def test_an_empty_folder_and_an_unknown_environment_are_refused(folder: ConfigFolder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"environment `locl` does not exist\n.*did you mean `local`"):
        lint(folder.root, "locl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="not a configuration folder"):
        lint(tmp_path / "empty", "local")
    with pytest.raises(ConfigError, match="does not exist"):
        lint(tmp_path / "nowhere", "local")


def test_all_findings_come_at_once_in_order(folder: ConfigFolder) -> None:
    folder.edit(
        "bronze/people.contract.yaml",
        "logicalType: boolean, physicalType: boolean",
        "logicalType: boolean, physicalType: bool",
    )
    folder.edit("bronze/people.load.yaml", "mode: append", "mode: apend")
    folder.edit("env/local.yaml", "kind: rest", "kind: soap")
    assert [each.partition(": ")[0] for each in folder.found()] == [
        "bronze/people.contract.yaml:20",
        "bronze/people.load.yaml:6",
        "env/local.yaml:5",
    ]
