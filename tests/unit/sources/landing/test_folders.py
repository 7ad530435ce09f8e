"""Partition folders are columns of the files in them, in every format."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.lakes.lake import Lake
from tests.support.lakes.landing import LandingFolder


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_what_a_folder_says_is_a_column(lake: Lake, form: str) -> None:
    landing = LandingFolder(lake, form, columns="id int\ncountry string\nyear int")
    landing.place = "country=XX"  # not below the source's folder
    folders = {
        1: "country=DE/year=2025",
        2: "country=C%C3%B4te d%27Ivoire+%2F/year=2025",
        3: "country=__HIVE_DEFAULT_PARTITION__/year=2024",
        4: "Country=50%/sub[1]/year=2024",
        5: "none",
    }
    for number, folder in folders.items():
        if form == "parquet":
            pq.write_table(pa.table({"id": [str(number)]}), str(landing.put(f"{folder}/part.parquet", b"")))
        else:
            landing.put(f"{folder}/part", f"id\n{number}\n" if form == "csv" else f'{{"id": "{number}"}}\n')
    assert sorted(landing.rows(), key=lambda row: str(row["id"])) == [
        {"country": "DE", "id": "1", "year": "2025"},
        {"country": "C\u00f4te d'Ivoire+/", "id": "2", "year": "2025"},
        {"id": "3", "year": "2024"},
        {"country": "50%", "id": "4", "year": "2024"},
        {"id": "5"},
    ]


def test_a_row_that_contradicts_its_folder_is_told(csv_landing: LandingFolder) -> None:
    csv_landing.put("country=DE/a.csv", "id,country\n1,DE\n2,FR\n3,\n")
    csv_landing.put("country=FR/b.csv", "id\n4\n")
    good = {row["id"]: row.get("country") for row in csv_landing.rows() if "id" in row}
    assert good == {"1": "DE", "3": "DE", "4": "FR"}
    (corrupt,) = [row for row in csv_landing.rows() if "id" not in row]
    assert corrupt == {"_corrupt_record": 'the folder says country=DE, the row {"id":"2","country":"FR"}'}


def test_a_typed_value_is_its_folders_where_they_mean_the_same(parquet_landing: LandingFolder) -> None:
    place = parquet_landing.put("day=2025-03-01/n=07/a.parquet", b"")
    days = [date(2025, 3, 1), None, date(2025, 3, 2)]
    pq.write_table(pa.table({"id": ["1", "2", "3"], "day": pa.array(days), "n": pa.array([7, 7, 7])}), str(place))
    corrupt, one, two = parquet_landing.rows()
    assert one == {"id": "1", "day": date(2025, 3, 1), "n": 7}
    assert two == {"id": "2", "day": date(2025, 3, 1), "n": 7}
    assert "the folder says day=2025-03-01" in corrupt["_corrupt_record"]


def test_what_a_folder_says_is_held_against_its_own_files_whatever_lies_beside_them(
    parquet_landing: LandingFolder,
) -> None:
    parquet_landing.columns = "id string\nn int\nk string"
    for folder, values in {"n=07/k=08": (7, 8), "n=9/k=x": ("9", "x"), "n=10": (11, 12)}.items():
        place = parquet_landing.put(f"{folder}/a.parquet", b"")
        pq.write_table(pa.table({"id": [folder], "n": [values[0]], "k": [values[1]]}), str(place))
    good = {row["id"]: (row["n"], row["k"]) for row in parquet_landing.rows() if "id" in row}
    assert good == {"n=07/k=08": ("7", "8"), "n=9/k=x": ("9", "x")}
    (corrupt,) = [row["_corrupt_record"] for row in parquet_landing.rows() if "_corrupt_record" in row]
    assert corrupt == 'the folder says n=10, the row {"id":"n=10","n":11,"k":12}'


def test_what_a_folder_says_is_not_lost_beside_a_nested_column(parquet_landing: LandingFolder) -> None:
    parquet_landing.columns = "id string\nshop string"
    place = parquet_landing.put("shop=DE/a.parquet", b"")
    shops = pa.array([{"city": "Ulm"}, None], pa.struct([("city", pa.string())]))
    pq.write_table(pa.table({"id": ["1", "2"], "shop": shops}), str(place))
    assert [row["_corrupt_record"] for row in parquet_landing.rows()] == [
        'the folder says shop=DE, the row {"id":"1","shop":{"city":"Ulm"}}',
        'the folder says shop=DE, the row {"id":"2"}',
    ]


def test_what_is_no_text_in_a_folders_name_stays_as_it_is_written(csv_landing: LandingFolder) -> None:
    folders = {"1": "x=%FF%41", "2": "x=%EF%BF%BD", "3": "x=\ufffd%41", "4": "%FFy=1", "5": "%FEy=2", "6": "x=%41%"}
    for number, folder in folders.items():
        csv_landing.put(f"{folder}/a.csv", f"id\n{number}\n")
    assert {row.pop("id"): row for row in csv_landing.rows()} == {
        "1": {"x": "%FF%41"},
        "2": {"x": "\ufffd"},
        "3": {"x": "\ufffdA"},
        "4": {"%FFy": "1"},
        "5": {"%FEy": "2"},
        "6": {"x": "%41%"},
    }


def test_one_column_however_its_folders_spell_it(csv_landing: LandingFolder) -> None:
    folders = ["my%20col=1", "my col=2", "My col=3", "L\u00c4ND=4", "l\u00e4nd=5", "L%C3%84ND=6"]
    for number, folder in enumerate(folders, start=1):
        csv_landing.put(f"{folder}/a.csv", f"id\n{number}\n")
    said = {row["id"]: [value for name, value in row.items() if name != "id"] for row in csv_landing.rows()}
    assert said == {str(number): [str(number)] for number in range(1, 7)}


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("1.005", pa.decimal128(10, 2)), ("2025-03-01 10%3A00%3A00", pa.date32()), ("12D", pa.float64())],
)
def test_what_a_folder_says_loses_nothing_where_it_becomes_a_value_of_the_files_type(
    parquet_landing: LandingFolder, folder: str, kind: pa.DataType
) -> None:
    place = parquet_landing.put(f"x={folder}/a.parquet", b"")
    pq.write_table(pa.table({"id": ["1"], "x": pa.array([None], kind)}), str(place))
    (row,) = parquet_landing.rows()
    assert "the folder says x=" in row["_corrupt_record"]


def test_dt_is_a_day_and_a_column_only_where_the_contract_has_it(csv_landing: LandingFolder) -> None:
    csv_landing.put("dt=2025-03-01/a.csv", "id\n1\n")
    assert csv_landing.rows() == [{"id": "1"}]
    csv_landing.columns = "id int\ndt date"
    assert csv_landing.rows() == [{"dt": "2025-03-01", "id": "1"}]
    csv_landing.put("dt=2025-03-02/b.csv", "id,dt\n2,2025-02-28\n")
    assert csv_landing.rows() == [{"dt": "2025-02-28", "id": "2"}, {"dt": "2025-03-01", "id": "1"}]


def test_a_file_in_a_folder_of_the_engines_name_stops_no_other(csv_landing: LandingFolder) -> None:
    path = csv_landing.put("_origin=x/a.csv", "id\n1\n")
    csv_landing.put("b.csv", "id\n2\n")
    extract = csv_landing.extract()
    corrupt, good = csv_landing.rows(extract)
    assert f"engine's own (_origin): rename it: {path}" in corrupt["_corrupt_record"]
    assert good == {"id": "2"}
    assert any(str(path) in told for told in extract.notices)
