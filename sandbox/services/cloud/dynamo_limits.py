"""DynamoDB's limits that its stand-in does not know: 25 items a batch write, 4 MB a transaction.

Those of an item (400 KB), of a query's page (1 MB), of a batch get and of a transaction's items it holds to itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

MOST_WRITES = 25
MOST_BYTES = 4 * 1024 * 1024
_MARK = "_tidemark_limited"


def install() -> None:
    """From now on the stand-in of this process refuses what DynamoDB does."""
    from moto.dynamodb.responses import DynamoHandler

    _refuse(DynamoHandler, "batch_write_item", _of_batch)
    _refuse(DynamoHandler, "transact_write_items", _of_transaction)


def _of_batch(body: dict[str, Any]) -> str | None:
    items = sum(map(len, body["RequestItems"].values()))
    if items > MOST_WRITES:
        return "Too many items requested for the BatchWriteItem call"
    return None


def _of_transaction(body: dict[str, Any]) -> str | None:
    if len(json.dumps(body["TransactItems"], ensure_ascii=False).encode()) > MOST_BYTES:
        return "Transaction request cannot exceed 4 MB"
    return None


def _refuse(handler: Any, operation: str, why: Callable[[dict[str, Any]], str | None]) -> None:
    from moto.dynamodb.exceptions import MockValidationException

    answers = getattr(handler, operation)
    if hasattr(answers, _MARK):
        return

    @wraps(answers)
    def limited(self: Any) -> Any:
        if (reason := why(self.body)) is not None:
            raise MockValidationException(reason)
        return answers(self)

    setattr(limited, _MARK, True)
    setattr(handler, operation, limited)
