"""Batches as files: JSON arrays and RFC-4180 CSV, UTF-8."""

from __future__ import annotations

import csv
import io
import json

from sandbox.shop.model import Batch


def json_array(batch: Batch) -> bytes:
    """One JSON array of objects over several lines; a record that cannot be read makes up the whole file."""
    unreadable = next((note.raw for note in batch.notes if note.raw is not None), None)
    if unreadable is not None:
        return unreadable.encode()
    lines = ",\n".join("  " + json.dumps(record, ensure_ascii=False) for record in batch.records())
    return f"[\n{lines}\n]\n".encode()


def csv_lines(batch: Batch) -> bytes:
    """Header and one record a row; None is an empty field; an unreadable record is written as its raw text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(batch.column_names)
    for row, note in zip(batch.rows, batch.notes, strict=True):
        if note.raw is None:
            writer.writerow(row)
        else:
            buffer.write(note.raw + "\n")
    return buffer.getvalue().encode()
