from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.books import Books
from tidemark.errors import CommitError

COUNT = st.integers(min_value=0, max_value=10**12)


@given(COUNT, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT)
def test_rows_that_all_went_somewhere_balance(
    quarantined: int, superseded: int, inserted: int, updated: int, deleted: int, unchanged: int, vanished: int
) -> None:
    accepted = inserted + updated + deleted + unchanged
    books = Books(
        extracted=accepted + quarantined + superseded,
        accepted=accepted,
        quarantined=quarantined,
        superseded=superseded,
        inserted=inserted,
        updated=updated,
        deleted=deleted,
        unchanged=unchanged,
        vanished=vanished,
    )

    assert books.check("silver.t") is books
    assert Books.from_json(books.to_json()) == books
    assert books.changes == inserted + updated + deleted + vanished


@pytest.mark.parametrize(
    "lost",
    [
        Books(extracted=3, accepted=2, inserted=2),
        Books(extracted=2, accepted=2, inserted=1),
        Books(extracted=1, accepted=2, inserted=2, superseded=-1),
    ],
)
def test_a_lost_row_fails_the_batch_and_is_named(lost: Books) -> None:
    with pytest.raises(CommitError, match=rf"silver\.t: the books .*\n  extracted {lost.extracted} = "):
        lost.check("silver.t")
