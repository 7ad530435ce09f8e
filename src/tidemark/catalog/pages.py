"""What each page of the catalog shows, as plain values for its template."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tidemark.catalog import words
from tidemark.catalog.graph import row_ways, source_name, ways
from tidemark.catalog.trends import charts
from tidemark.observe.fitting import measured
from tidemark.observe.run_report import duration
from tidemark.redaction import redact

if TYPE_CHECKING:
    from tidemark.catalog.facts import Facts, TableFacts
    from tidemark.control.runs import RunSummary, TableResult
    from tidemark.revisions.history import Version

LAYERS = ("bronze", "silver", "gold")
RUNS_OF_TABLE = 30
RUN_PAGES = 20
_PLAIN = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")
_PLAIN_ID = re.compile(r"[A-Za-z0-9-]+")
_TROUBLE = ("failed", "gate failed", "stopped", "unfinished", "killed", "interrupted")
_NOT_KEPT = {False: "broken", None: "not known yet"}
_GRADES: Mapping[str, str] = {"pass": "good", "warn": "doubt", "fail": "bad", "error": "bad"}


def slug(name: str) -> str:
    """What a table's page is called: its name, or where a file could not be called so, a digest of it."""
    return name if _PLAIN.fullmatch(name) else f"table-{_digest(name)}"


def run_slug(run_id: str) -> str:
    """What a run's page is called, in the same way."""
    return run_id if _PLAIN_ID.fullmatch(run_id) else f"run-{_digest(run_id)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def overview(facts: Facts) -> dict[str, Any]:
    """The first page: numbers of the whole, and a line a table."""
    listed = [_line(each) for each in _ordered(facts)]
    newest = next((run for run in facts.runs if run.loads), None)
    promised = [*(each for found in facts.tables.values() for each in found.promises), *facts.jobs]
    kept = Counter(each.kept for each in promised)
    return {
        "tables": listed,
        "layers": [(layer, sum(each["layer"] == layer for each in listed)) for layer in LAYERS],
        "owners": sorted({each["owner"] for each in listed if each["owner"]}),
        "columns": sum(len(each.table.contract.columns) for each in facts.tables.values()),
        "personal": sum(len(each.personal) for each in facts.tables.values()),
        "rows": words.number(sum(_rows(each) or 0 for each in facts.tables.values())),
        "open_rejects": words.number(sum(each.rejected_rows.get("open", 0) for each in facts.tables.values())),
        "kept": kept[True],
        "promised": len(promised),
        "not_kept": [f"{kept[each]} {word}" for each, word in _NOT_KEPT.items() if kept[each]],
        "newest": _run(newest) if newest else None,
    }


def search_index(facts: Facts) -> list[list[Any]]:
    """What is searched through: of every table its name, its words, and its columns with theirs."""
    return [
        [
            each.name,
            " ".join(_said_of(each)),
            [[column.name, column.description or ""] for column in each.table.contract.columns],
        ]
        for each in _ordered(facts)
    ]


def table_page(facts: Facts, found: TableFacts) -> dict[str, Any]:
    """Everything that is known of one table."""
    contract, load = found.table.contract, found.table.load
    return {
        **_line(found),
        "name": found.name,
        "about": contract.about,
        "version": contract.version,
        "tags": sorted(found.table.tags),
        "profile": found.profile,
        "size": words.size(found.profile.size) if found.profile else words.NOT_KNOWN,
        "columns": [_column(facts, found, number) for number in range(len(contract.columns))],
        "charts": charts(found),
        "promises": [
            {"kind": each.promise.kind, "kept": each.kept, "told": each.told if each.kept is not None else None,
             "severity": each.promise.severity}
            for each in found.promises
        ],
        "freshness": contract.freshness,
        "checks": list(_checks(found)),
        "source": source_name(found.table) if load.source else "",
        "inputs": list(load.inputs),
        "readers": found.readers,
        "publish": load.publish,
        "row_ways": row_ways(facts, found.name),
        "traced": facts.lineage.of(found.name).is_known,
        "loading": words.loading(load),
        "references": contract.references,
        "rejected": _rejected(found),
        "runs": [_run(each.run) | _result(each.result) for each in found.runs[:RUNS_OF_TABLE]],
        "versions": [_version(each) for each in found.versions],
    }  # fmt: skip


def runs_page(facts: Facts) -> dict[str, Any]:
    return {"runs": [_run(run) | {"has_page": number < RUN_PAGES} for number, run in enumerate(facts.runs)]}


def run_page(facts: Facts, run: RunSummary) -> dict[str, Any]:
    """One run: its tables with their books, warnings, publications."""
    return {
        "run": _run(run),
        "error": redact(run.error.splitlines()[0]) if run.error else None,
        "warnings": [(each.table, redact(each.message)) for each in run.warnings],
        "published": run.published,
        "tables": [_result(each) | {"table": each.table, "known": each.table in facts.tables} for each in run.tables],
    }


def errors_page(facts: Facts) -> dict[str, Any]:
    """Rejected rows by rule, of all tables and of each."""
    total: Counter[str] = Counter()
    for found in facts.tables.values():
        for code, by_status in found.rejected.items():
            total[code.rpartition(".")[2]] += by_status.get("open", 0)
    tables = [found for found in _ordered(facts) if found.rejected_rows]
    return {
        "by_rule": [(rule, words.number(count)) for rule, count in total.most_common() if count],
        "tables": [_line(found) | {"rejected": _rejected(found), "rows": found.rejected_rows} for found in tables],
        "left_over": sorted(facts.left_over.items()),
    }


def _ordered(facts: Facts) -> list[TableFacts]:
    return sorted(facts.tables.values(), key=lambda each: (-LAYERS.index(each.table.layer), each.name))


def _line(found: TableFacts) -> dict[str, Any]:
    contract = found.table.contract
    last = found.last
    kept = [each.kept for each in found.promises]
    return {
        "name": found.name,
        "slug": slug(found.name),
        "layer": found.table.layer,
        "title": contract.about.title,
        "description": contract.description,
        "owner": contract.owner,
        "is_going": contract.about.is_going,
        "column_count": len(contract.columns),
        "personal_count": len(found.personal),
        "row_count": words.number(_rows(found)),
        "status": last.result.status if last else None,
        "grade": ("bad" if last.failed else "good") if last else "none",
        "loaded": words.moment(last.run.started_at) if last else None,
        "open_rejects": found.rejected_rows.get("open", 0),
        "late": any(each is False for each in kept),
        "kept": bool(kept) and all(kept),
    }


def _rows(found: TableFacts) -> int | None:
    return found.profile.rows if found.profile else None


def _grade(status: str) -> str:
    return "bad" if status in _TROUBLE else "good"


def _said_of(found: TableFacts) -> Iterator[str]:
    contract = found.table.contract
    about = contract.about
    for text in (about.title, contract.description, contract.owner, about.domain, about.usage, about.grain):
        if text:
            yield text
    yield from sorted(found.table.tags)


def _column(facts: Facts, found: TableFacts, number: int) -> dict[str, Any]:
    contract = found.table.contract
    column = contract.columns[number]
    seen = found.profile.columns.get(column.name) if found.profile else None
    ends = (seen.low, seen.high) if seen else (None, None)
    return {
        "name": column.name,
        "type": column.type,
        "key": column.key_position,
        "description": column.description,
        "rules": words.rules(column),
        "is_personal": column.name in found.personal,
        "privacy": [each for each in words.privacy(column, found.table.layer) if each != "personal"],
        "nulls": words.share(seen.nulls) if seen else words.NOT_KNOWN,
        "ends": None if None in ends else ends,
        "ways": [
            {"table": owner, "page": _place(facts, owner, name), "column": name, "how": how}
            for owner, name, how in ways(facts, found.name, column.name)
        ],
    }


def _place(facts: Facts, table: str, column: str) -> str | None:
    """Where a column is told of; those that the engine adds have no line of their own."""
    if table not in facts.tables:
        return None
    known = column in facts.tables[table].table.contract.column_names
    return f"{slug(table)}.html#{f'c-{column}' if known else 'columns'}"


def _checks(found: TableFacts) -> Iterator[dict[str, Any]]:
    """The checks of the contract with what was found last, and those that the engine adds."""
    seen = {each.name: each for each in found.checks}
    for check in found.table.contract.checks:
        last = seen.pop(check.name, None)
        yield {
            "name": check.name,
            "wants": words.check(check),
            "severity": check.severity,
            "outcome": last.outcome if last else None,
            "value": measured(last.value) if last and last.value else None,
            "grade": _GRADES.get(last.outcome, "none") if last else "none",
        }
    for name, each in seen.items():
        told = {"name": name, "wants": None, "severity": None, "outcome": each.outcome}
        value = measured(each.value) if each.value else None
        yield told | {"value": value, "grade": _GRADES.get(each.outcome, "none")}


def _rejected(found: TableFacts) -> list[dict[str, Any]]:
    rows = [
        {"code": code, **{status: by_status.get(status, 0) for status in ("open", "replayed", "discarded")}}
        for code, by_status in found.rejected.items()
    ]
    return sorted(rows, key=lambda row: (-row["open"], -row["replayed"], row["code"]))


def _run(run: RunSummary) -> dict[str, Any]:
    return {
        "run": run.short_id,
        "page": run_slug(run.run_id),
        "flow": run.flow,
        "date": run.date,
        "began": words.moment(run.started_at),
        "began_at": f"{run.started_at.isoformat(timespec='seconds')}Z",
        "run_status": run.status,
        "run_grade": _grade(run.status),
        "took": duration(run.seconds),
        "tables_count": len(run.tables),
        "quarantined": words.number(run.quarantined),
        "release": run.release,
        "released": run.released,
    }


def _result(result: TableResult) -> dict[str, Any]:
    books, gate = result.books, result.gate
    written = books if result.wrote else None
    return {
        "slug": slug(result.table),
        "status": result.status,
        "grade": _grade(result.status),
        "delta_version": result.version,
        "seconds": f"{result.seconds:.1f}",
        "received": words.number(books.extracted if books else None),
        "rejected_count": words.number(books.quarantined if books else None),
        "inserted": words.number(written.inserted if written else None),
        "updated": words.number(written.updated if written else None),
        "gone": words.number(written.gone if written else None),
        "gate": f"{gate.passed}/{gate.total}" if gate else words.NOT_KNOWN,
        "gate_grade": ("bad" if gate.failed else "doubt" if gate.warnings else "good") if gate else "none",
    }


def _version(version: Version) -> dict[str, Any]:
    return {
        "number": version.number,
        "at": words.moment(version.at),
        "commit": version.commit[:10],
        "subject": version.subject,
        "changes": version.changes,
    }
