"""Reads `<layer>/<table>.contract.yaml` through the ODCS package and freezes it into a `Contract`."""

from __future__ import annotations

from pathlib import Path

from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject, Team

from tidemark.config.contract.model import LAYERS, SUFFIX, About, Check, Column, Contract
from tidemark.config.contract.properties import key_columns, read_columns
from tidemark.config.contract.quality import read_checks
from tidemark.config.contract.references import read_references
from tidemark.config.contract.service import read_freshness, read_service
from tidemark.config.files.modelfile import build
from tidemark.config.files.yamltext import Report, Where, parse
from tidemark.errors import ConfigError, Finding

_SCHEMA: Where = ("schema", 0)


def load_contract(path: Path) -> Contract:
    """The contract in a file; raises `ConfigError` with a finding for everything wrong in it."""
    contract, findings = read_contract(path)
    wrong = [finding for finding in findings if finding.severity == "error"]
    if contract is None or wrong:
        raise ConfigError(f"{path} is not a valid contract", findings=wrong, next_step="tidemark validate")
    return contract


def read_contract(path: Path) -> tuple[Contract | None, list[Finding]]:
    """The contract in a file, as far as it can be read, and everything wrong in it.

    Raises `ConfigError` only when the file cannot be read at all (not there, not UTF-8, not YAML).
    """
    document = parse(path)
    parsed, findings = build(document, OpenDataContractStandard)
    report = Report(document, findings)
    if parsed is None:
        return None, report.findings
    table = _table_name(report, parsed)
    schema = _single_schema(report, parsed, table)
    if schema is None:
        return None, report.findings
    columns = read_columns(report, schema.properties or [], (*_SCHEMA, "properties"))
    contract = Contract(
        table=table,
        version=parsed.version or "",
        columns=columns,
        keys=key_columns(columns),
        checks=_checks(report, schema, columns),
        freshness=read_freshness(report, parsed, columns),
        tags=tuple(parsed.tags or ()) + tuple(schema.tags or ()),
        path=path,
        description=schema.description or (parsed.description.purpose if parsed.description else None),
        owner=parsed.team.name if isinstance(parsed.team, Team) else None,
        service=read_service(report, parsed),
        references=read_references(report, schema, columns, table, _SCHEMA),
        about=_about(parsed, schema),
    )
    return contract, report.findings


def _about(parsed: OpenDataContractStandard, schema: SchemaObject) -> About:
    words = parsed.description
    return About(
        title=parsed.name,
        domain=parsed.domain,
        status=parsed.status,
        usage=words.usage if words else None,
        limitations=words.limitations if words else None,
        grain=schema.dataGranularityDescription,
    )


def _table_name(report: Report, parsed: OpenDataContractStandard) -> str:
    """`layer.table` as the path says; what the document says must agree."""
    path = report.document.path
    layer, name = path.parent.name, path.name.removesuffix(SUFFIX)
    table = f"{layer}.{name}"
    if layer not in LAYERS:
        report.error((), f"lies in `{layer}/`, which is no layer", f"move it to one of: {', '.join(LAYERS)}")
    if parsed.id != table:
        report.error(("id",), f"id is `{parsed.id}`, the file is that of {table}", f"write `id: {table}`")
    if not (parsed.apiVersion or "").startswith("v3."):
        report.error(("apiVersion",), f"apiVersion is `{parsed.apiVersion}`", "write `apiVersion: v3.2.0`")
    if parsed.kind != "DataContract":
        report.error(("kind",), f"kind is `{parsed.kind}`", "write `kind: DataContract`")
    if not parsed.version:
        report.error(("version",), "version is missing", "add `version: 1.0.0`")
    return table


def _single_schema(report: Report, parsed: OpenDataContractStandard, table: str) -> SchemaObject | None:
    schemas = parsed.schema_ or []
    if not schemas:
        report.error(("schema",), "has no schema", "add `schema:` with one entry: this table")
        return None
    if len(schemas) > 1:
        seen = f"has {len(schemas)} schema entries, a table's contract has one"
        report.error(("schema", 1), seen, "give every table a contract file of its own")
    name = table.partition(".")[2]
    if schemas[0].name != name:
        report.error((*_SCHEMA, "name"), f"schema name is `{schemas[0].name}`", f"write `name: {name}`")
    if not schemas[0].properties:
        report.error((*_SCHEMA, "properties"), "has no properties", "list the table's columns under `properties:`")
    return schemas[0]


def _checks(report: Report, schema: SchemaObject, columns: tuple[Column, ...]) -> tuple[Check, ...]:
    names = tuple(column.name for column in columns)
    checks = read_checks(report, schema.quality or [], (*_SCHEMA, "quality"), names)
    for position, found in enumerate(schema.properties or []):
        if found.quality and found.name in names:
            where = (*_SCHEMA, "properties", position, "quality")
            checks += read_checks(report, found.quality, where, names, column=found.name)
    seen: dict[str, int] = {}
    for check in checks:
        if check.name in seen:
            message = f"two checks are named `{check.name}` (the first on line {seen[check.name]})"
            report.error_on_line(check.line, message, "give one of them another `name:`")
        seen.setdefault(check.name, check.line)
    return checks
