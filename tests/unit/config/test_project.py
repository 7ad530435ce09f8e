from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.lakes.config_folder import ConfigFolder
from tidemark.config.project import Project, load_project, topological
from tidemark.errors import ConfigError

ALL = ("bronze.people", "silver.person_versions", "gold.dim_person", "gold.cities")


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    """A folder that is fit to run."""
    return ConfigFolder(tmp_path / "config")


@pytest.fixture
def project(folder: ConfigFolder) -> Project:
    """The folder's project."""
    return load_project(folder.root, "local")


def test_a_project_holds_its_tables_in_order(project: Project) -> None:
    assert project.order() == ALL
    assert project.order(["gold.cities", "bronze.people"]) == ("bronze.people", "gold.cities")
    table = project.table("gold.dim_person")
    assert (table.layer, table.inputs, table.tags) == ("gold", ("silver.person_versions",), frozenset())
    assert table.sql is not None
    assert table.sql.startswith("SELECT person_id")
    assert table.sql_path == project.config_dir / "gold" / "dim_person.sql"
    assert project.table("bronze.people").tags == {"people", "crm"}
    assert project.environment.name == "local"


@pytest.mark.parametrize(
    ("expressions", "selected"),
    [
        ([], ALL),
        (["gold.dim_person"], ALL[2:3]),
        (["gold.*"], ALL[2:]),
        (["*.*person*"], ALL[1:3]),
        (["+gold.dim_person"], ALL[:3]),
        (["silver.person_versions+"], ALL[1:]),
        (["+silver.person_versions+"], ALL),
        (["tag:crm"], ALL[:1]),
        (["tag:people+"], ALL),
        (["gold.cities", "bronze.people"], ("bronze.people", "gold.cities")),
        ([" gold.cities "], ALL[3:]),
    ],
)
def test_expressions_select_tables(project: Project, expressions: Sequence[str], selected: tuple[str, ...]) -> None:
    assert project.select(expressions) == selected


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("gold.dim_persn", "did you mean `gold.dim_person`?"),
        ("tag:cmr", "did you mean `tag:crm`?"),
        ("copper.*", "use one of: bronze.people"),
        ("", "use one of: bronze.people"),
    ],
)
def test_an_expression_that_names_nothing_is_refused_with_a_hint(project: Project, expression: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        project.select([expression])
    assert hint in str(caught.value)
    assert caught.value.exit_code == 2


def test_an_unknown_table_is_refused_with_a_close_one(project: Project) -> None:
    with pytest.raises(ConfigError, match=r"`gold\.citys` does not exist\n.*did you mean `gold\.cities`"):
        project.table("gold.citys")


def test_loading_raises_with_all_findings_of_all_files(folder: ConfigFolder) -> None:
    folder.edit("bronze/people.load.yaml", "mode: append", "mode: apend")
    folder.edit("gold/cities.contract.yaml", "id: gold.cities", "id: gold.towns")
    with pytest.raises(ConfigError, match="is not valid") as caught:
        load_project(folder.root, "local")
    assert [finding.file.name for finding in caught.value.findings] == ["people.load.yaml", "cities.contract.yaml"]
    assert "fix: " in str(caught.value)


def test_inputs_that_do_not_exist_and_circles_are_refused(folder: ConfigFolder) -> None:
    folder.edit("gold/cities.load.yaml", "gold.dim_person", "gold.dim_people")
    with pytest.raises(ConfigError, match=r"gold\.cities reads gold\.dim_people, which does not exist"):
        load_project(folder.root, "local")
    folder.edit("gold/cities.load.yaml", "gold.dim_people", "gold.cities")
    with pytest.raises(ConfigError, match=r"in a circle: gold\.cities → gold\.cities"):
        load_project(folder.root, "local")


def test_a_folder_without_tables_is_refused(tmp_path: Path, folder: ConfigFolder) -> None:
    empty = tmp_path / "empty"
    (empty / "env").mkdir(parents=True)
    (empty / "env" / "local.yaml").write_bytes((folder.root / "env" / "local.yaml").read_bytes())
    with pytest.raises(ConfigError, match="holds no tables"):
        load_project(empty, "local")


_NAMES = [f"{layer}.t{number}" for layer in ("bronze", "silver", "gold") for number in range(4)]


@given(
    edges=st.dictionaries(st.sampled_from(_NAMES), st.lists(st.sampled_from(_NAMES), max_size=4)),
    shuffled=st.permutations(_NAMES),
)
def test_tables_come_after_their_inputs_whatever_order_they_are_given_in(
    edges: dict[str, list[str]], shuffled: list[str]
) -> None:
    acyclic = {name: [each for each in edges.get(name, []) if each < name] for name in _NAMES}
    ordered = topological(acyclic)
    assert sorted(ordered) == sorted(_NAMES)
    assert all(ordered.index(read) < ordered.index(name) for name, reads in acyclic.items() for read in reads)
    assert topological({name: acyclic[name] for name in shuffled}) == ordered
