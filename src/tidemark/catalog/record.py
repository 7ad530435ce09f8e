"""The texts that contracts had, as a catalog keeps them beside its pages: for a configuration that is in no git."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tidemark.errors import TidemarkError
from tidemark.revisions.history import KEPT, Text

FILE = "contracts.json"


def recorded(folder: Path) -> dict[str, list[Text]]:
    """What the catalog in a folder has noted, newest first; nothing where there is none."""
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        noted = json.loads(path.read_text("utf-8"))
        return {
            table: [
                Text(each["text"], datetime.fromisoformat(each["at"]), each["commit"], each["subject"])
                for each in texts
            ]
            for table, texts in noted.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as broken:
        raise TidemarkError(
            f"{path} cannot be read: {broken}",
            step="catalog",
            next_step="move it away; with it the versions of contracts go that only it knows",
        ) from broken


def written(texts: Mapping[str, Sequence[Text]]) -> str:
    """The same as text."""
    noted = {
        table: [
            {"text": each.text, "at": each.at.isoformat(), "commit": each.commit, "subject": each.subject}
            for each in found[: KEPT + 1]
        ]
        for table, found in texts.items()
    }
    return json.dumps(noted)
