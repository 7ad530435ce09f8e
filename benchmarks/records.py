"""`python -m benchmarks.records`: what Tidemark's own records cost on day one, and after years.

Files that landed minute by minute, releases of hundreds of tables, runs: no Spark, nothing but what a run asks the
records. The control store is DynamoDB's stand-in, which holds to DynamoDB's limits; what counts there are the requests
and the bytes. Each figure is told for the first day and for the last one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fsspec

from benchmarks.support.measure import tell
from tidemark.aws.folder import Folder
from tidemark.control import release
from tidemark.control.runs import Run, RunStore, RunSummary, TableResult
from tidemark.control.state import DynamoState
from tidemark.sources.landing.listing import Landing
from tidemark.sources.landing.shelf import Shelf
from tidemark.sources.watermark import SourceFile

BEGIN = datetime(2025, 1, 1)
_TRIALS = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.records", description=__doc__)
    parser.add_argument("--files", type=int, default=100_000, help="that have landed in a year")
    parser.add_argument("--releases", type=int, default=3_650)
    parser.add_argument("--tables", type=int, default=300, help="of each release")
    parser.add_argument("--all-tables", type=int, default=1_000, help="of the largest release")
    parser.add_argument("--runs", type=int, default=50_000, help="in a year")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="tidemark-records-") as folder:
        tell(_all(Path(folder), options), options.out)
    return 0


def _all(root: Path, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    yield from _of_files(root / "files", options.files)
    yield from _of_runs(root / "runs", options.runs)
    yield from _of_releases(options.releases, options.tables, options.all_tables)


def _of_files(root: Path, last: int) -> Iterator[dict[str, object]]:
    """A file a run: the place is listed, the book opened, held against what lies there, and written."""
    shelf = Shelf("bronze.events", Folder(str(root / "lake"), fsspec.filesystem("file")))
    landing = Landing(fsspec.filesystem("file"), str(root / "landing"), "events/", "bronze.events")
    bookkeeping: dict[str, Any] = {}
    known = 0
    for count in (last // 365, last):
        for at in range(known, count):
            _land(root / "landing/events", at, last)
        there = landing.files().files
        while known < count:  # in fifty runs
            known = min(known + max(count // 50, 1), count)
            listed = [file for file in there if _number(file) < known]
            book = shelf.book(bookkeeping)
            new = [file for file in listed if not book.knows(file)]
            bookkeeping = shelf.kept(book.after(new, listed)).to_json()
        yield {"what": f"{count:,} files were received"} | _one_more(root, landing, shelf, bookkeeping, count)


def _one_more(root: Path, landing: Landing, shelf: Shelf, kept: dict[str, Any], count: int) -> dict[str, object]:
    listing, (files, _) = _seconds(lambda: (landing.files().files, None))
    nothing, found = _seconds(lambda: _new(shelf, kept, files))
    if found:
        raise AssertionError(f"{len(found)} files that were received count as new")
    one = replace(files[-1], path=f"{root}/landing/events/one-more.csv", modified=BEGIN + timedelta(days=800))
    book = shelf.book(kept)
    writing, told = _seconds(lambda: shelf.kept(book.after([one], [*files, one])).to_json())
    if _new(shelf, told, [*files, one]):
        raise AssertionError("a file that was received counts as new")
    return {
        "listing_seconds": listing,
        "nothing_new_seconds": nothing,
        "one_more_seconds": writing,
        "bytes_in_a_commit": len(json.dumps(told)),
        "pages": len(told["pages"]),
        "bytes_of_pages": sum(shelf.folder.size(page["name"]) for page in told["pages"]),
    }


def _new(shelf: Shelf, bookkeeping: dict[str, Any], files: Any) -> list[SourceFile]:
    book = shelf.book(bookkeeping)
    return [file for file in files if not book.knows(replace(file))]


def _land(folder: Path, number: int, of: int) -> None:
    at = BEGIN + timedelta(minutes=number * 365 * 24 * 60 / of)
    path = folder / f"dt={at:%Y-%m-%d}" / f"order_events+3+{number:010}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def _number(file: SourceFile) -> int:
    return int(file.path.rpartition("+")[2].removesuffix(".csv"))


@dataclass
class _Counted:
    """A file system that counts what it is asked."""

    asked: Counter[str] = field(default_factory=Counter)
    asks: Any = field(default_factory=lambda: fsspec.filesystem("file"))

    def __getattr__(self, name: str) -> Any:
        if name in ("ls", "find", "cat_file"):
            self.asked[name] += 1
        return getattr(self.asks, name)


def _of_runs(root: Path, last: int) -> Iterator[dict[str, object]]:
    """`runs list`, with ten tables a run; days of which maintenance would have packed some are as they were."""
    store, made = RunStore(Folder(str(root), fsspec.filesystem("file"))), 0
    results = tuple(TableResult(f"bronze.table_{number}", "committed") for number in range(10))
    for count in (last // 365, last):
        for number in range(made, count):
            began = BEGIN + timedelta(minutes=number * 365 * 24 * 60 / last)
            run = RunSummary(f"{number:08}-run", "daily", "local", began.date(), began, status="done", tables=results)
            store.save(run)
        made = count
        counted = _Counted()
        seconds, found = _seconds(lambda counted=counted: RunStore(Folder(str(root), counted)).latest(20))
        if found[0].run_id != f"{count - 1:08}-run":
            raise AssertionError(f"the newest run is {found[0].run_id}")
        asked = {name: times // _TRIALS for name, times in counted.asked.items()}
        yield {"what": f"runs list, after {count:,} runs", "seconds": seconds, "requests": asked}


def _of_releases(last: int, tables: int, all_tables: int) -> Iterator[dict[str, object]]:
    import boto3
    from moto import mock_aws

    os.environ |= {"AWS_ACCESS_KEY_ID": "stand-in", "AWS_SECRET_ACCESS_KEY": "stand-in"}
    with mock_aws():
        dynamodb = boto3.resource("dynamodb", region_name="eu-central-1")
        table = dynamodb.create_table(
            TableName="state",
            KeySchema=[{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "key", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("kind", "key")],
            BillingMode="PAY_PER_REQUEST",
        )
        requests = _Requests(table)
        state = DynamoState(table)
        names = [f"silver.a_table_of_a_company_{number:04}" for number in range(max(tables, all_tables))]
        for name in names[:tables]:
            state.put(release.TABLE, name, {"version": 1, "batch_id": "b" * 36, "run_id": "r" * 36})
        made = 0
        for count in (1, last):
            for number in range(made + 1, count + 1):
                versions = dict.fromkeys(names[:tables], number)
                stored = release.Release(number, f"run-{number}", date(2025, 1, 1), BEGIN, versions)
                state.put(release.KIND, stored.name, stored.to_json())
            state.put("release numbers", "newest", {"number": count})
            made = count + 1
            found = requests.of(partial(_release, state, names[:tables], count + 10_000_000))
            yield {"what": f"release {made:,} of {tables} tables"} | found
        yield {"what": f"a release of {all_tables} tables"} | requests.of(partial(_release, state, names, last + 7))
        kept = release.retire(state, datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1))
        yield {"what": "maintenance forgets releases", "forgotten": kept, "left": len(state.list(release.KIND))}


def _release(state: DynamoState, names: list[str], version: int) -> None:
    release.record(state, Run.start(date(2025, 1, 1)), dict.fromkeys(names, version))


class _Requests:
    """What DynamoDB is asked: requests by kind, and the bytes of its answers and of what it is given."""

    def __init__(self, table: Any) -> None:
        self._asked: Counter[str] = Counter()
        events = table.meta.client.meta.events
        events.register("before-call.dynamodb", self._before)
        events.register("after-call.dynamodb", self._after)

    def of(self, work: Callable[[], object]) -> dict[str, object]:
        self._asked.clear()
        work()
        return {"requests": dict(sorted(self._asked.items()))}

    def _before(self, model: Any, params: Any, **_: Any) -> None:
        self._asked[model.name] += 1
        self._asked["bytes"] += len(params["body"])

    def _after(self, parsed: Any, **_: Any) -> None:
        self._asked["bytes"] += len(json.dumps(parsed, default=str))


def _seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """The median CPU time of some trials, and what the last one gave."""
    times, found = [], None
    for _ in range(_TRIALS):
        began = time.process_time()
        found = work()
        times.append(time.process_time() - began)
    return round(sorted(times)[_TRIALS // 2], 4), found


if __name__ == "__main__":
    sys.exit(main())
