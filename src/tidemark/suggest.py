"""Close matches for a name that was mistyped."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def close_match(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, or None when nothing comes near; case does not count."""
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    found = difflib.get_close_matches(name.casefold(), list(by_folded), n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def choose(name: str, candidates: Iterable[str], *, what: str = "use") -> str:
    """A sentence that tells what to write instead of `name`: the close match, else everything there is."""
    known = sorted(set(candidates))
    match = close_match(name, known)
    if match is not None:
        return f"did you mean `{match}`?"
    if not known:
        return f"there is nothing to {what} yet"
    return f"{what} one of: {', '.join(known)}"
