"""Keys, personal data and names, as somebody would see them in a table."""

from __future__ import annotations

import pytest

from tidemark.sketch.drafts import column_name, columns_of
from tidemark.sketch.keys import keys_of
from tidemark.sketch.personal import mask_of
from tidemark.sketch.places import Place, table_name
from tidemark.sketch.sample import Sample, SeenColumn, merged


def sample(**columns: list[str | None]) -> Sample:
    rows = max(len(values) for values in columns.values())
    return Sample(tuple(SeenColumn(name, values) for name, values in columns.items()), rows, whole=True)


class TestKeys:
    def test_what_is_called_like_one_before_what_differs_too(self) -> None:
        seen = sample(name=["a", "b", "c"], order_id=["3", "1", "2"], n=["7", "8", "9"])
        assert keys_of(seen, "orders") == ("order_id",)

    def test_an_id_that_repeats_is_none(self) -> None:
        seen = sample(customer_id=["1", "1", "2"], day=["2025-01-01", "2025-01-02", "2025-01-01"])
        assert keys_of(seen, "visits") == ("customer_id", "day")

    def test_amounts_measures_and_instants_are_none(self) -> None:
        seen = sample(amount=["1.50", "2.50"], count=["5", "6"], at=["2025-01-01T10:00:00", "2025-01-02T10:00:00"])
        assert keys_of(seen, "sales") == ()

    def test_what_is_absent_is_none(self) -> None:
        assert keys_of(sample(id=["1", None, "3"]), "t") == ()

    def test_versions_of_lines_have_three_keys(self) -> None:
        seen = sample(
            order_id=["1", "1", "1", "2"],
            line_number=["1", "2", "1", "1"],
            status=["a", "a", "b", "a"],
            updated_at=["2025-01-01T10:00:00", "2025-01-01T10:00:00", "2025-01-02T10:00:00", "2025-01-02T10:00:00"],
        )
        assert keys_of(seen, "orders") == ("order_id", "line_number", "updated_at")

    def test_a_row_that_is_there_twice_speaks_against_no_key(self) -> None:
        assert keys_of(sample(id=["1", "2", "2"], name=["a", "b", "b"]), "t") == ("id",)
        assert keys_of(sample(id=["1", "2", "2"], n=["7", "8", "9"]), "t") == ()

    def test_few_rows_without_it_are_bad_rows(self) -> None:
        ids: list[str | None] = [str(number) for number in range(99)]
        assert keys_of(sample(id=[*ids, None], n=["1"] * 100), "t") == ("id",)
        assert keys_of(sample(id=[*ids[:90], *[None] * 10], n=["1"] * 100), "t") == ()

    def test_one_row_says_little(self) -> None:
        assert keys_of(sample(id=["1"], name=["a"]), "t") == ("id",)
        assert keys_of(sample(name=["a"]), "t") == ()

    def test_a_day_may_be_one(self) -> None:
        assert keys_of(sample(day=["2025-01-01", "2025-01-02"], temp=["1.5", "2.25"]), "weather") == ("day",)


class TestPersonal:
    @pytest.mark.parametrize(
        ("name", "mask"),
        [
            ("email", "email"),
            ("contact_email", "email"),
            ("customer_e_mail", "email"),
            ("mobile_phone", "phone"),
            ("first_name", "name"),
            ("surname", "name"),
            ("customer_name", "name"),
            ("zip_code", "postcode"),
            ("iban", "redact"),
            ("street", "redact"),
            ("name", None),
            ("product_name", None),
            ("phone_model_count", "phone"),
            ("gemail_sent", None),
            ("ship_to", None),
            ("status", None),
        ],
    )
    def test_by_name(self, name: str, mask: str | None) -> None:
        assert mask_of(SeenColumn(name, ["x", "y"]), name) == mask

    @pytest.mark.parametrize(
        ("values", "mask"),
        [
            (["see anna.b@example.org", "-"], "email"),
            (["+49 30 123456789"], "phone"),
            (["DE89 3704 0044 0532 0130 00"], "redact"),
            (["DE12 3704 0044 0532 0130 00"], None),
            (["4111 1111 1111 1111"], "redact"),
            (["4111 1111 1111 1112"], None),
            (["4111111111111111", "5500005555555559"], "redact"),
            (["ORD-12345678", "ORD-12345679"], None),
            (["2025-01-01"], None),
            ([None], None),
        ],
    )
    def test_by_value(self, values: list[str | None], mask: str | None) -> None:
        assert mask_of(SeenColumn("note", values), "note") == mask

    def test_masks_fit_the_type(self) -> None:
        assert mask_of(SeenColumn("birth_date", ["1980-01-01"]), "birth_date") == "year"
        assert mask_of(SeenColumn("birth_date", ["spring"]), "birth_date") == "redact"
        assert mask_of(SeenColumn("phone", ["491234", "491235"]), "phone") == "redact"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("Supplier ID", "supplier_id"),
        ("supplierId", "supplierid"),
        ("Total €", "total"),
        ("order-date", "order_date"),
        ("2025", "_2025"),
        ("€", "column"),
        ("_metadata", "source_metadata"),
        ("OrderDate (UTC)", "order_date_utc"),
    ],
)
def test_names_that_a_contract_may_have(source: str, name: str) -> None:
    assert column_name(source) == name


def test_two_columns_do_not_get_one_name() -> None:
    columns = columns_of(sample(**{"a b": ["1"], "a-b": ["2"], "A": ["3"]}), ())
    assert [(column.name, column.source) for column in columns] == [("a_b", "a b"), ("a_b_2", "a-b"), ("a", None)]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (Place("landing", "suppliers.csv", "suppliers.csv"), "suppliers"),
        (Place("landing", "trips_[0-9]*.parquet", "trips_2025-01.parquet"), "trips"),
        (Place("landing", "crm/accounts/", "crm/accounts/a.csv"), "accounts"),
        (Place("snowflake", "SALES.ORDERS"), "orders"),
        (Place("landing", ""), "landing"),
        (Place("landing", "2025/"), "t_2025"),
        (Place("landing", "Web Returns/"), "web_returns"),
    ],
)
def test_the_name_of_a_table(place: Place, name: str) -> None:
    assert table_name(place) == name


def test_samples_of_several_files_are_one() -> None:
    one, two = sample(id=["1"], a=["x"]), sample(ID=["2"], b=["3"])
    both = merged([one, two])
    assert {column.name: column.values for column in both.columns} == {
        "id": ["1", "2"],
        "a": ["x", None],
        "b": [None, "3"],
    }
    assert both.rows == 2


def test_types_of_several_files_are_the_wider_one() -> None:
    def typed(name: str) -> Sample:
        return Sample((SeenColumn("a", ["1"], name),), 1, whole=True)

    assert merged([typed("int"), typed("bigint")]).column("a").type == "bigint"
    assert merged([typed("double"), typed("int")]).column("a").type == "double"
    assert merged([typed("date"), typed("int")]).column("a").type == "string"
