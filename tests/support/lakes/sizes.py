"""What is small for tests is also written and computed as tables are that no machine holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tidemark.compute import incremental
from tidemark.delta import sizes
from tidemark.write import compare, rewrite


@contextmanager
def everything_is_large() -> Iterator[None]:
    """Every table is large: MERGE and no rewriting, shuffles and no broadcast, affected keys and never the whole."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (compare, rewrite, incremental):
            patch.setattr(module, "SMALL_TABLE", -1)
        for module in (compare, rewrite):
            patch.setattr(module, "can_be_broadcast", lambda *_: False)
        patch.setattr(sizes, "ONE_TASK", -1)
        yield
