"""Queries in SOQL, by pages that may move or end under the reader.

A query is held against what it announces: as many records as its first page says, on every page the same number, no
record twice. Where it had several pages, the keys are asked for once more at the end: a record that was there all the
time and did not come has slipped from one page to another. Then the query is read again from its first page.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from tidemark.sources.api import ApiError, Failure, exact_json

if TYPE_CHECKING:
    from datetime import datetime

    from tidemark.sources.api import Api

log = logging.getLogger(__name__)

READINGS = 4
"""How often a query is begun before it is given up, because its pages moved or its cursor died."""

_ENDED = (400, 404, 410)
_AGAIN = (Failure.GONE, Failure.MOVED)

Record = Mapping[str, Any]
Read = TypeVar("Read")


@dataclass(frozen=True)
class Page:
    """One page: the records of the whole query, those of this page, and the address of the next (None: the last)."""

    total: int
    records: list[dict[str, Any]]
    following: str | None


class Crm:
    """An API that answers queries page by page, with the records that lie in its bin where `deleted` says so."""

    def __init__(self, api: Api, api_path: str, page_size: int | None, *, deleted: bool = True) -> None:
        self._api = api
        self._query_path = f"{api_path.strip('/')}/{'queryAll' if deleted else 'query'}/"
        self._headers = {"Sforce-Query-Options": f"batchSize={page_size}"} if page_size else {}

    def clock(self) -> datetime | None:
        """The other side's clock; None where it does not tell."""
        return self._api.clock()

    def first(self, soql: str) -> Page:
        """The first page of a query."""
        return _page(self._api.get(self._query_path, params={"q": soql}, headers=self._headers))

    def pages(self, soql: str) -> Iterator[Page]:
        """All pages of a query.

        Raises `ApiError`: of the kind `GONE` where the rest of the query is not there any more, of the kind `MOVED`
        where it has fewer or more records than announced.
        """
        page = self.first(soql)
        announced, received, visited = page.total, 0, set[str]()
        while True:
            received += len(page.records)
            if received > announced:
                raise ApiError(Failure.MOVED, f"it announced {announced} records and sends more")
            yield page
            if page.following is None:
                break
            if page.following in visited:
                raise ApiError(Failure.REFUSED, f"its pages go in a circle: {page.following}")
            if len(visited) > announced:
                raise ApiError(Failure.REFUSED, f"it has more pages than the {announced} records that it announced")
            visited.add(page.following)
            page = self._next(page.following)
            if page.total != announced:
                raise ApiError(Failure.MOVED, f"it announced {announced} records, and a page later {page.total}")
        if received != announced:
            raise ApiError(Failure.MOVED, f"it announced {announced} records and sent {received}")

    def _next(self, address: str) -> Page:
        """A further page. A cursor that has expired, or belongs to a session that has ended, ends the query."""
        try:
            return _page(self._api.get(address, headers=self._headers))
        except ApiError as failure:
            if failure.failure is Failure.CREDENTIALS or failure.status in _ENDED:
                raise ApiError(Failure.GONE, failure.said, status=failure.status) from None
            raise


@dataclass
class Keys:
    """The keys of records as they pass, each as often as it comes; 8 bytes stand for one."""

    found: Counter[bytes] = field(default_factory=Counter)

    def add(self, values: Sequence[Any]) -> None:
        """Takes the key of one record in."""
        text = exact_json(list(values))
        self.found[hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()] += 1


@dataclass
class Check:
    """Holds the keys that came against those that are there at the end, reading by reading.

    A key that is there at the end and did not come may belong to a record that arrived meanwhile: it counts as lost if
    it was there at the end of the reading before, too, or if there was none.
    """

    before: Counter[bytes] | None = None

    def judge(self, received: Keys, there: Keys) -> None:
        """Raises `ApiError` of the kind `MOVED` where a record came too often, or did not come."""
        came, now, before = received.found, there.found, self.before
        self.before = now
        twice = sum(count > max(1, now[key]) for key, count in came.items())
        if twice:
            raise ApiError(Failure.MOVED, f"{twice} records came more than once")
        lost = sum(came[key] < count and (before is None or key in before) for key, count in now.items())
        if lost:
            raise ApiError(Failure.MOVED, f"{lost} records that are there did not come")


def read_again(what: str, read: Callable[[], Read]) -> Read:
    """What `read` gives; where the query ended early or its pages moved, it is read from its first page again."""
    for number in range(1, READINGS):
        try:
            return read()
        except ApiError as failure:
            if failure.failure not in _AGAIN:
                raise
            log.warning(
                "%s is read again from the first page (%d of %d times): %s", what, number, READINGS - 1, failure
            )
    return read()


def _page(answer: Any) -> Page:
    """An answer as a page. Raises `ApiError` when it is none."""
    if not isinstance(answer, dict):
        raise ApiError(Failure.REFUSED, f"its answer is no page of records, but JSON of another kind{_told(answer)}")
    lacks = [name for name in ("records", "done", "totalSize") if name not in answer]
    if not lacks and not answer["done"] and not answer.get("nextRecordsUrl"):
        lacks = ["nextRecordsUrl, though it is not done"]
    if lacks:
        raise ApiError(Failure.REFUSED, f"its page has no {', no '.join(lacks)}")
    records, following = answer["records"], None if answer["done"] else str(answer["nextRecordsUrl"])
    try:
        total = int(answer["totalSize"])
    except (TypeError, ValueError):
        raise ApiError(
            Failure.REFUSED, f"its page has a totalSize that is no number: {answer['totalSize']!r}"
        ) from None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ApiError(Failure.REFUSED, "its page holds something else than records")
    return Page(total, records, following)


def _told(answer: Any) -> str:
    """The codes of errors that came as if all was well."""
    codes = [each.get("errorCode") for each in answer if isinstance(each, dict)] if isinstance(answer, list) else []
    return f": {', '.join(map(str, codes))}" if any(codes) else ""
