"""Where a row stands at its source, as text that sorts: what breaks ties before a hash does.

The text begins with the place (of a file: its day, the time it was written, its name; of a system that is asked: the
instant it was asked) and ends, where rows of a place have an order, with `#` and the position there. Text of one place
is equal up to the `#`. Null: nobody knows.

Files of one name and folder (`eu/2025-03-01/part-0.csv`, `us/2025-03-01/part-0.csv`) are told apart by a digest of
where they lie, which orders of before do not have.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from pyspark.sql import functions as F

from tidemark.rows import ORDER, quoted
from tidemark.sql.types import SOURCE_ORDER

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_MARK = "#"
_SECONDS = 11  # digits of seconds since 1970
_BLOCK, _ROW = 10, 8  # hex digits of a byte's offset in a file and of a row's number
_PAGE = 9  # digits of a page's number
_IN_PARTITION = (1 << 33) - 1  # the bits of `monotonically_increasing_id` that count within a partition
_DIGEST = 16  # hex digits that tell files of one name and folder apart
_SCHEME = "^[a-z0-9]+:/*|^/*"  # by which one file has several addresses
_QUOTED = re.compile(r"[^\w\-!.~'()*,;:$&+=@/\x80-\U0010ffff]|[\x80-\x9f]|[^\S -~]")  # in Java's addresses of files
_DAY_FOLDER = r"/dt=(\d{4}-\d{2}-\d{2})/"
_FILE = rf"(?s)^[0-9-]+ [0-9]{{{_SECONDS}}} (.*?)(?: ([0-9a-f]{{{_DIGEST}}}))?$"


def place_of_file() -> Column:
    """The place of the file that a row was read from, directly above its scan.

    A `dt=…` folder says which day a file is of, whenever it was written. Times count by the second, as object stores
    tell them; within one the name decides.
    """
    written, path = F.col("_metadata.file_modification_time"), F.col("_metadata.file_path")
    of_folder = F.regexp_extract(path, _DAY_FOLDER, 1).try_cast("date")
    day = F.coalesce(F.when(path.contains("/dt="), of_folder), written.cast("date")).cast("string")
    seconds = F.lpad(F.greatest(F.unix_seconds(written), F.lit(0)).cast("string"), _SECONDS, "0")
    lies = F.substring(F.md5(F.regexp_replace(path, _SCHEME, "").cast("binary")), 1, _DIGEST)
    return F.concat_ws(" ", day, seconds, F.substring_index(path, "/", -2), lies)


def order_of_file(day: str, written: datetime, path: str) -> tuple[str, int, str]:
    """What `place_of_file` sorts by, for a file that was only listed (`written`: naive UTC)."""
    seconds = max(int(written.replace(tzinfo=UTC).timestamp()), 0)
    address = _QUOTED.sub(lambda found: quote(found[0], safe=""), re.sub(_SCHEME, "", path))
    lies = hashlib.md5(address.encode(), usedforsecurity=False).hexdigest()[:_DIGEST]
    return day, seconds, f"{'/'.join(address.split('/')[-2:])} {lies}"


def place_of_asking(at: datetime) -> str:
    """The place of rows that a system gave when it was asked at that instant (naive UTC)."""
    seconds = int(at.replace(tzinfo=UTC).timestamp())
    return f"{at.date().isoformat()} {seconds:0{_SECONDS}d}.{at.microsecond:06d}"


def at_position(place: Column, position: Column) -> Column:
    """The order of a row that has this number (from 0, or from 1) among the rows of its place."""
    return F.concat(place, F.lit(_MARK), F.lpad(F.hex(position.cast("bigint")), _BLOCK + _ROW, "0"))


def at_line(place: Column) -> Column:
    """The order of a row that was read from a file of lines, directly above its scan.

    A large file is read in blocks, by several tasks: the block's offset comes first, then the row's number among those
    that the task has read.
    """
    block = F.lpad(F.hex(F.col("_metadata.file_block_start")), _BLOCK, "0")
    row = F.lpad(F.hex(F.monotonically_increasing_id().bitwiseAND(F.lit(_IN_PARTITION))), _ROW, "0")
    return F.concat(place, F.lit(_MARK), block, row)


def at_page(place: Column) -> Column:
    """The order of a record in pages that lie as files of lines, numbered by their names; directly above its scan."""
    page = F.lpad(F.regexp_extract(F.col("_metadata.file_name"), r"(\d+)\.[a-z]+$", 1), _PAGE, "0")
    return at_line(F.concat(place, F.lit(" "), page))


def has_position(order: Column) -> Column:
    """Whether the rows of the order's place are in an order."""
    return order.contains(_MARK)


def place(order: Column) -> Column:
    """The place in an order."""
    return F.when(has_position(order), F.regexp_replace(order, f"{_MARK}[0-9A-F]*$", "")).otherwise(order)


def file_in(order: Column) -> Column:
    """The name and the folder of the file in an order, the same whenever it was written; null in one of no file."""
    return F.nullif(F.regexp_extract(place(order), _FILE, 1), F.lit(""))


def file_lies_at(order: Column) -> Column:
    """What tells the file in an order from others of its name and folder; null where the order does not say."""
    return F.nullif(F.regexp_extract(place(order), _FILE, 2), F.lit(""))


def order_in(frame: DataFrame) -> Column:
    """The order of the rows of a frame on its way to a table; null where the frame does not say."""
    return quoted(ORDER) if ORDER in frame.columns else F.lit(None).cast("string")


def stored_order(frame: DataFrame) -> Column:
    """The order of the rows of a table; null where the table is older than the column."""
    return quoted(SOURCE_ORDER) if SOURCE_ORDER in frame.columns else F.lit(None).cast("string")


def with_stored_order(table: DataFrame) -> DataFrame:
    """The rows of a table with the column of their order, which a table of before may not have yet."""
    return table if SOURCE_ORDER in table.columns else table.withColumn(SOURCE_ORDER, stored_order(table))


def with_order(frame: DataFrame, *also_read: str) -> DataFrame:
    """A query's result with the order that it selected under the name of the tables' column, which is kept if it is one
    of `also_read`."""
    if SOURCE_ORDER not in frame.columns:
        return frame
    ordered = frame.withColumn(ORDER, quoted(SOURCE_ORDER).cast("string"))
    return ordered if SOURCE_ORDER in also_read else ordered.drop(SOURCE_ORDER)
