"""Commands for readers of the lake: show, query, ls, graph. They need no Spark, and see what is released."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console.options import (
    CONFIG,
    LOCAL,
    ConfigOption,
    DebugOption,
    EnvOption,
    JsonOption,
    SelectOption,
    refuse_nowhere,
    selection,
)
from cli.console.output import columns, show, show_json, show_lines, stdout
from tidemark.shown import line, mermaid, mermaid_id

if TYPE_CHECKING:
    from tidemark.config.project import Project
    from tidemark.serving.lake import ReleasedLake
    from tidemark.serving.rows import Answer

AsOfOption = Annotated[
    str | None, typer.Option("--as-of", help="A release (r3) to read, instead of the newest.", metavar="RELEASE")
]
LimitOption = Annotated[int, typer.Option("--limit", "-n", min=0, help="Show at most so many rows; 0 for all.")]
_NULL = "–"


class GraphFormat(StrEnum):
    """How a graph is written."""

    text = "text"
    mermaid = "mermaid"


def show_rows(
    table: Annotated[str, typer.Argument(help="Table, by layer and name: gold.fact_sales.")],
    where: Annotated[str | None, typer.Option("--where", help="Only rows that fulfil it: net_usd > 100.")] = None,
    column: Annotated[
        list[str] | None, typer.Option("--columns", "-c", help="Only these columns; bookkeeping is shown if named.")
    ] = None,
    limit: LimitOption = 20,
    as_of: AsOfOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Rows of a released table; personal data is masked or hidden."""
    from tidemark.serving import rows

    lake = _lake(env, config, as_of)
    answer = rows.show(lake, table, columns=selection(column), where=where, limit=limit or None)
    _show_answer(answer, lake, as_json=as_json)


def query(
    sql: Annotated[str, typer.Argument(help='One SELECT in DuckDB\'s SQL: "SELECT count(*) FROM gold.fact_sales".')],
    as_of: AsOfOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """The answer to a question in SQL over released tables; personal data is masked or hidden."""
    from tidemark.serving import rows

    lake = _lake(env, config, as_of)
    _show_answer(rows.query(lake, sql), lake, as_json=as_json)


def ls(
    select: SelectOption = None,
    as_of: AsOfOption = None,
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """The released tables: how many rows and files they have, and what they are."""
    from dataclasses import asdict

    lake = _lake(env, config, as_of)
    wanted = [name for name in lake.project.select(selection(select)) if name in lake.names]
    found = lake.released(wanted)
    contracts = {each.name: lake.project.table(each.name).contract for each in found}
    if as_json:
        tables = [asdict(each) | {"description": contracts[each.name].description} for each in found]
        show_json({"release": lake.release.name, "tables": tables})
        return
    right = ("version", "rows", "files", "MB")
    listed = columns("table", *right, "", right=right)
    for each in found:
        count = _NULL if each.rows is None else f"{each.rows:,}".replace(",", " ")
        about = (contracts[each.name].description or "").strip().split("\n")[0]
        listed.add_row(each.name, str(each.version), count, str(each.files), f"{each.size / 1e6:.1f}", about)
    show(listed)
    show("")
    show(_of(lake))


def graph(
    select: SelectOption = None,
    form: Annotated[GraphFormat, typer.Option("--format", help="Indented text, or Mermaid for a page.")] = (
        GraphFormat.text
    ),
    env: EnvOption = LOCAL,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """What each table is computed from: sources, tables, and where it is published."""
    from tidemark.config.project import load_project

    project = load_project(config, env)
    names = project.select(selection(select))
    if as_json:
        show_json([_node(project, name) for name in names])
    elif form is GraphFormat.mermaid:
        show_lines(_mermaid(project, names))
    else:
        show_lines(_outline(project, names))


def _node(project: Project, name: str) -> dict[str, Any]:
    load = project.table(name).load
    connection, source = (load.source.connection, load.source.object) if load.source else (None, None)
    return {
        "table": name,
        "connection": connection,
        "source": source,
        "inputs": list(load.inputs),
        "publish": list(load.publish),
    }


def _outline(project: Project, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        node = _node(project, name)
        published = f"  → {', '.join(node['publish'])}" if node["publish"] else ""
        yield f"{name}{published}"
        yield from (f"  ← {each}" for each in node["inputs"])
        if node["source"]:
            yield f"  ← {node['connection']}: {node['source']}"


def _mermaid(project: Project, names: tuple[str, ...]) -> Iterator[str]:
    yield "flowchart LR"
    for name in names:
        node, drawn = _node(project, name), mermaid_id(name)
        yield f"  {drawn}[{mermaid(name)}]"
        if node["source"]:
            yield f"  from_{mermaid_id(node['connection'])}([{mermaid(node['connection'])}]) --> {drawn}"
        yield from (f"  {mermaid_id(each)} --> {drawn}" for each in node["inputs"] if each in names)
        yield from (f"  {drawn} --> to_{mermaid_id(target)}([{mermaid(target)}])" for target in node["publish"])


def _lake(env: str, config: str, as_of: str | None) -> ReleasedLake:
    from tidemark.config.project import load_project
    from tidemark.control.state import open_state
    from tidemark.serving.lake import open_lake

    project = load_project(config, env)
    refuse_nowhere(project.environment)
    return open_lake(project, open_state(project.environment), as_of)


def _of(lake: ReleasedLake) -> str:
    return f"release {lake.release.name} of {lake.release.created_at:%Y-%m-%d %H:%M} UTC"


def _show_answer(answer: Answer, lake: ReleasedLake, *, as_json: bool) -> None:
    found = answer.values()
    if as_json:
        show_json({"release": lake.release.name, "hidden": list(answer.hidden), "rows": [_plain(row) for row in found]})
        return
    names = answer.rows.column_names
    table = columns(*names)
    for row in found:
        table.add_row(*(_text(row[name]) for name in names))
    if _is_wide(answer, found):
        show_lines(_records(found))
    else:
        show(table)
    hidden = f"; not shown: {', '.join(answer.hidden)}" if answer.hidden else ""
    show("")
    show(f"{_of(lake)}: {len(found)} row{'' if len(found) == 1 else 's'}{hidden}")


def _is_wide(answer: Answer, found: list[dict[str, Any]]) -> bool:
    """Whether a table of the rows would have to break its values."""
    widths = (
        max(len(name), *(len(_text(row[name])) for row in found)) + 2 if found else len(name) + 2
        for name in answer.rows.column_names
    )
    return sum(widths) > stdout().width + 2


def _records(rows: list[dict[str, Any]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        if number:
            yield ""
        width = max(len(line(name)) for name in row)
        yield from (f"{line(name):<{width}}  {_text(value)}" for name, value in row.items())


def _text(value: Any) -> str:
    """A value on one line, with nothing in it that a terminal would obey."""
    return _NULL if value is None else line(_plain(value))


def _plain(value: Any) -> Any:
    """A value as JSON can hold it; exact numbers and instants are text."""
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case (months, days, nanoseconds) if hasattr(value, "nanoseconds"):
            return _interval(months, days, nanoseconds)
        case list() | tuple():
            return [_plain(each) for each in value]
        case bytes():
            return value.hex()
        case dt.datetime():
            return value.isoformat(sep=" ").replace("+00:00", "Z")
        case float() if not math.isfinite(value):
            return str(value)
        case Decimal() | dt.date() | dt.time() | dt.timedelta():
            return str(value)
        case _:
            return value


def _interval(months: int, days: int, nanoseconds: int) -> str:
    """A span as SQL writes it: `14 months 3 days 02:00:00.5`."""
    told = [
        f"{number} {unit}{'' if abs(number) == 1 else 's'}"
        for number, unit in ((months, "month"), (days, "day"))
        if number
    ]
    if nanoseconds or not told:
        seconds, rest = divmod(abs(nanoseconds) // 1000, 1_000_000)
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        told.append(f"{'-' if nanoseconds < 0 else ''}{clock}{f'.{rest:06}'.rstrip('0') if rest else ''}")
    return " ".join(told)
