from __future__ import annotations

import pytest

from tidemark.errors import SourceError
from tidemark.sources.staged import refuse_own_names, refuse_twins


@pytest.mark.parametrize("name", ["_origin", "_CORRUPT_record", "__tidemark_label", "__TIDEMARK_x"])
def test_names_of_the_engines_own_are_refused(name: str) -> None:
    with pytest.raises(SourceError, match="a name of the engine's own"):
        refuse_own_names(["id", name], "bronze.x", "SALES.X")


def test_names_that_differ_by_case_alone_are_refused() -> None:
    refuse_twins(["id", "ID_", "order", "a.b", "a b"], "bronze.x", "SALES.X")
    with pytest.raises(SourceError, match="differ by case alone: id, Id; Größe, größe"):
        refuse_twins(["id", "Größe", "Id", "größe"], "bronze.x", "SALES.X")
