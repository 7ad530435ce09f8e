#!/usr/bin/env python3
"""Advisories about what Tidemark is made of: asks OSV about every component of a document of `sbom.py`.

Ends with 1 where there is one that `.ci/advisories.json` does not know: there
`{"GHSA-…": {"why": "…", "until": "2027-01-31"}}` says why one does not concern us, and until when that holds.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

OSV = "https://api.osv.dev/v1/querybatch"
KNOWN = Path(__file__).with_name("advisories.json")
_AT_ONCE = 500
_SECONDS = 60


def found(components: list[Mapping[str, Any]], url: str = OSV) -> dict[str, list[str]]:
    """The advisories of each component that has some, by its package address."""
    purls = [each["purl"].partition("?")[0] for each in components if not each["purl"].startswith("pkg:generic/")]
    told: dict[str, list[str]] = {}
    for start in range(0, len(purls), _AT_ONCE):
        part = purls[start : start + _AT_ONCE]
        asked = {"queries": [{"package": {"purl": purl}} for purl in part]}
        answer = httpx.post(url, json=asked, timeout=_SECONDS)
        answer.raise_for_status()
        results = answer.json()["results"]
        if len(results) != len(part):
            raise SystemExit(f"{url} answered {len(results)} of {len(part)} questions")
        for purl, result in zip(part, results, strict=True):
            if result.get("vulns"):
                told[purl] = sorted(each["id"] for each in result["vulns"])
    return told


def new(told: Mapping[str, list[str]], known: Mapping[str, Mapping[str, str]], today: dt.date) -> Iterator[str]:
    """What of it nobody has judged yet, or not for today any more."""
    for purl, ids in sorted(told.items()):
        for advisory in ids:
            judged = known.get(advisory)
            if judged is None or dt.date.fromisoformat(judged["until"]) < today:
                yield f"{advisory}: {purl}"


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("document", type=Path, help="what sbom.py wrote")
    given.add_argument("--url", default=OSV, help="who is asked")
    options = given.parse_args()
    components = json.loads(options.document.read_text("utf-8"))["components"]
    known = json.loads(KNOWN.read_text("utf-8"))
    told = list(new(found(components, options.url), known, dt.datetime.now(dt.UTC).date()))
    sys.stdout.write("".join(f"{line}\n" for line in told) or f"nothing new about {len(components)} components\n")
    if told:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
