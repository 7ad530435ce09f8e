from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tidemark.config.files.modelfile import parse_span
from tidemark.config.files.writing import WriteSpec
from tidemark.config.load import CastSpec, InputSpec, Load, SourceSpec, WatermarkSpec, load_load
from tidemark.errors import ConfigError

Read = Callable[[str], Load]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Loads a text as `things.load.yaml`."""

    def load_text(text: str) -> Load:
        path = tmp_path / "things.load.yaml"
        path.write_text(text, encoding="utf-8")
        return load_load(path)

    return load_text


def test_a_bronze_load_is_read(read: Read) -> None:
    load = read(
        """\
source: {connection: landing, object: fx/, format: csv, options: {header: true}, fields: {a: A}, mode: full}
watermark: {column: updated_at, lookback: 72h}
write: {mode: append, keys: [a, b], deletes: {missing: soft, flag: gone}}
evolution: strict
cluster_by: [a]
tags: [x]
"""
    )
    source = SourceSpec(
        connection="landing", object="fx/", format="csv", options={"header": True}, fields={"a": "A"}, mode="full"
    )
    assert load.source == source
    assert load.watermark == WatermarkSpec(column="updated_at", lookback=timedelta(hours=72))
    assert load.write.keys == ("a", "b")
    assert load.write.deletes is not None
    assert (load.write.deletes.missing, load.write.deletes.flag) == ("soft", "gone")
    assert (load.evolution, load.cluster_by, load.tags) == ("strict", ("a",), ("x",))


def test_what_a_value_may_lose_is_said_by_column(read: Read) -> None:
    load = read(
        """\
source: {connection: landing, object: fx/, format: csv}
cast:
  amount: round
  seen_at: {fit: truncate, zone: Australia/Lord_Howe, fold: later}
write: {mode: append}
"""
    )
    assert load.cast == {
        "amount": CastSpec(fit="round"),
        "seen_at": CastSpec(fit="truncate", zone="Australia/Lord_Howe", fold="later"),
    }


@pytest.mark.parametrize(
    ("cast", "expected"),
    [
        ("{amount: floor}", "round"),
        ("{at: {zone: EST}}", "there is no time zone `EST`"),
        ("{at: {zone: Europe/Belrin}}", "there is no time zone `Europe/Belrin`"),
        ("{at: {zone: '+01:00'}}", "there is no time zone `+01:00`"),
        ("{at: {fold: first}}", "earlier"),
        ("{at: {zon: UTC}}", "zon"),
    ],
)
def test_what_a_cast_cannot_mean_is_found(read: Read, cast: str, expected: str) -> None:
    text = f"source: {{connection: landing, object: fx/, format: csv}}\ncast: {cast}\nwrite: {{mode: append}}\n"
    with pytest.raises(ConfigError) as refused:
        read(text)
    assert expected in " ".join(f"{each.message} {each.fix}" for each in refused.value.findings)


def test_inputs_say_how_a_change_arrives(read: Read) -> None:
    load = read("inputs:\n  silver.a: {on: [k]}\n  silver.b: {refresh: none}\n  silver.c:\nwrite: {mode: replace}\n")
    assert load.inputs == {
        "silver.a": InputSpec(on=("k",)),
        "silver.b": InputSpec(refresh="none"),
        "silver.c": InputSpec(),
    }
    assert load.write == WriteSpec(mode="replace")
    assert load.evolution == "allow_new"


def test_a_load_cannot_be_changed(read: Read) -> None:
    load = read("write: {mode: replace}")
    with pytest.raises(ValidationError, match="frozen"):
        load.tags = ("x",)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("72h", timedelta(hours=72)),
        ("15m", timedelta(minutes=15)),
        ("2 d", timedelta(days=2)),
        ("30s", timedelta(0, 30)),
    ],
)
def test_spans_are_a_number_and_a_unit(text: str, span: timedelta) -> None:
    assert parse_span(text) == span
    assert parse_span(span) == span


@pytest.mark.parametrize("text", ["72", "h", "-1h", "1.5h", "1w", "", None])
def test_other_spans_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match="72h"):
        parse_span(text)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("write: {mode: upsert}", 1, "mode upsert needs `keys: […]`"),
        ("write: {mode: upsert, keys: [a, b, a]}", 1, "`keys` has `a` twice"),
        (
            "tags: [a]\nwrite: {mode: scd2, keys: [a], track: [b], surrogate_key: s}",
            2,
            "mode scd2 needs `effective_from:`",
        ),
        ("write: {mode: scd2, keys: [a], effective_from: t, surrogate_key: s}", 1, "mode scd2 needs `track:`"),
        ("write: {mode: scd2, keys: [a], effective_from: t, surrogate_key: s, track: some}", 1, "write `all`"),
        (
            "source: {connection: c, object: o}\n"
            "write: {mode: scd2, keys: [a], effective_from: t, surrogate_key: s, track: all}",
            1,
            "a history is made of a log",
        ),
        (
            "write: {mode: scd2, keys: [a], effective_from: t, surrogate_key: s, track: [b], overwrite: [b]}",
            1,
            "`b` is in `track` and in `overwrite`",
        ),
        ("write: {mode: upsert, keys: [a], deletes: {flag: f, at: t}}", 1, "`deletes.at` belongs to mode scd2"),
        ("write: {mode: append, track: [b]}", 1, "`track` belongs to mode scd2, the mode is append"),
        ("write: {mode: append, unknown_member: true}", 1, "`unknown_member` belongs to mode scd2"),
        ("write: {mode: append, partition_by: [d]}", 1, "`write.partition_by` belongs to mode replace"),
        ("write: {mode: replace, partition_by: [d]}", 1, "`write.partition_by` must be columns of `partition_by`"),
        ("write: {mode: append, deletes: {}}", 1, "say what is deleted"),
        ("write: {mode: append, deletes: {missing: soft}}", 1, "`missing: soft` needs `flag: column`"),
        ("write: {mode: append, deletes: {flag: gone, within: [a]}}", 1, "`within` belongs to `missing`"),
        ("write: {mode: append}\nlimits: {deleted: many}", 2, "write a share of the rows, or a number of rows"),
        ("write: {mode: append}\nlimits: {empty: refused}", 2, "`limits.empty` is `refused`"),
        ("write: {mode: append}\nlimits: {delete: 5}", 2, "unknown key `delete`"),
        ("write: {mode: append}\ncluster_by: [a]\npartition_by: [b]", 1, "not by both"),
        (
            "inputs:\n  a.b: {on: [k], refresh: none}\nwrite: {mode: replace}",
            2,
            "`on` and `refresh` exclude each other",
        ),
        ("inputs:\n  a.b: {on: []}\nwrite: {mode: replace}", 2, "at least 1 item"),
        ("watermark: {column: a, lookback: soon}\nwrite: {mode: replace}", 1, "write a number and s, m, h or d: 72h"),
        ("write: {mode: apend}", 1, "`write.mode` is `apend`"),
        ("write: {}", 1, "`write.mode` is missing"),
        ("tags: [a]", 1, "`write` is missing"),
        ("write: {mode: replace}\ntags: a", 2, "`tags`: Input should be a valid tuple"),
        ("transform: no function\nwrite: {mode: replace}", 1, "`transform`: String should match pattern"),
        ("write: {mode: replace}\nwrite: {mode: append}", 2, "key `write` is here twice"),
        ("write: {mode: replace}\nevolution: loose", 2, "`evolution` is `loose`"),
        ("- write", 1, "holds a list, not keys and values"),
        ("", 1, "is empty"),
    ],
)
def test_what_does_not_fit_is_a_finding_on_its_line(read: Read, text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError, match=r"things\.load\.yaml is not a valid load file") as caught:
        read(text)
    (finding,) = caught.value.findings
    assert finding.line == line
    assert message in finding.message
    assert finding.fix


def test_a_wrong_choice_is_told_the_right_ones(read: Read) -> None:
    with pytest.raises(ConfigError) as caught:
        read("write: {mode: apend}")
    assert caught.value.findings[0].fix == "use one of: 'append', 'replace', 'upsert' or 'scd2'"


@pytest.mark.parametrize(
    ("text", "columns", "lookback"),
    [
        ("{column: version}", ("version",), timedelta(0)),
        ("{column: version, lookback: 500}", ("version",), 500),
        ("{column: [committed_at, lsn]}", ("committed_at", "lsn"), timedelta(0)),
        (
            "{column: committed_at, then: [lsn, line], lookback: 1h}",
            ("committed_at", "lsn", "line"),
            timedelta(hours=1),
        ),
    ],
)
def test_a_watermark_has_one_column_or_several(
    read: Read, text: str, columns: tuple[str, ...], lookback: timedelta | int
) -> None:
    source = "source: {connection: crm, object: Thing}\n"
    load = read(f"{source}watermark: {text}\nwrite: {{mode: upsert, keys: [a]}}\n")
    assert load.watermark is not None
    assert (load.watermark.columns, load.watermark.lookback) == (columns, lookback)
    assert load.write.order_by == columns, "what is read later is the newer version"
    declared = read(f"{source}watermark: {text}\nwrite: {{mode: upsert, keys: [a], order_by: [b]}}\n")
    assert declared.write.order_by == ("b",)
    log = read(f"{source}watermark: {text}\nwrite: {{mode: append}}\n")
    assert log.write.order_by == ()


@pytest.mark.parametrize("text", ["{column: []}", "{column: [1, 2]}", "{column: a, lookback: -1}", "{lookback: 1h}"])
def test_a_watermark_without_a_column_or_that_looks_ahead_is_refused(read: Read, text: str) -> None:
    with pytest.raises(ConfigError):
        read(f"source: {{connection: crm, object: x}}\nwatermark: {text}\nwrite: {{mode: upsert, keys: [a]}}\n")


def test_the_load_files_in_the_guide_to_histories_are_right(read: Read) -> None:
    text = (Path(__file__).parents[3] / "docs" / "histories.md").read_text("utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)

    assert [read(block).write.mode for block in blocks] == ["scd2", "append", "scd2"]

    words = [*re.findall(r"^\| `(\w+: [^`]+)`", text, re.MULTILINE), *re.findall(r"`(track: all[^`]*)`", text)]
    assert len(words) > 8
    base = {"keys": "[id]", "effective_from": "t", "surrogate_key": "s", "track": "[x]"}
    for word in words:
        name, _, value = word.partition(": ")
        written = {"mode": "scd2", **base, name: value}
        assert read("write:\n" + "\n".join(f"  {key}: {text}" for key, text in written.items())), word


@pytest.mark.parametrize(
    ("form", "options", "told"),
    [
        ("json", {"multiline": True}, "did you mean `multiLine`"),
        ("json", {"multiLine": "false"}, "write true or false"),
        ("parquet", {"mergeSchema": True}, "Parquet files have no option `mergeSchema`: remove it"),
    ],
)
def test_options_that_files_of_the_format_do_not_have_are_found(form: str, options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        SourceSpec.model_validate({"connection": "shop", "object": "x/", "format": form, "options": options})
