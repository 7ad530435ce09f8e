"""The facets of OpenLineage: what there is to say of a dataset, a job and a run, each in the form of the standard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    column_lineage_dataset,
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    dataset_type_dataset,
    dataset_version_dataset,
    datasource_dataset,
    documentation_dataset,
    error_message_run,
    input_statistics_input_dataset,
    nominal_time_run,
    output_statistics_output_dataset,
    ownership_dataset,
    parent_run,
    schema_dataset,
    storage_dataset,
    tags_run,
)

from tidemark.compile.soda import freshness_name
from tidemark.instants import LAST
from tidemark.redaction import redact

if TYPE_CHECKING:
    from tidemark.compile.lineage import TableLineage
    from tidemark.config.contract import Check, Contract
    from tidemark.observe.lineage.jobs import Checked, Parents
    from tidemark.observe.lineage.naming import Dataset
    from tidemark.sql.tracing.derivation import Derived, Via

Columns = Sequence[tuple[str, str | None, str | None]]
"""Name, type and meaning of each column, as far as they are known."""

_ASSERTED: Mapping[str, str] = {
    "rowCount": "row_count",
    "nullValues": "not_null",
    "missingValues": "not_null",
    "duplicateValues": "unique",
    "invalidValues": "valid",
}
_CHECKED = {"sql": "custom_sql", "custom": "soda", "metric": "metric"}


def of_job(parents: Parents) -> parent_run.ParentRunFacet:
    """What a load is a part of: the run of Tidemark, and the flow run around it."""
    run, job = parent_run.Run(parents.run_id), parent_run.Job(parents.namespace, parents.flow)
    return parent_run.ParentRunFacet(run=run, job=job, root=_root(parents))


def of_run(parents: Parents) -> parent_run.ParentRunFacet | None:
    """What the run of Tidemark is a part of: the flow run, where there is one."""
    if parents.root_run_id is None:
        return None
    run, job = parent_run.Run(parents.root_run_id), parent_run.Job(parents.namespace, parents.root_flow or parents.flow)
    return parent_run.ParentRunFacet(run=run, job=job, root=_root(parents))


def _root(parents: Parents) -> parent_run.Root:
    return parent_run.Root(
        run=parent_run.RootRun(parents.root_run_id or parents.run_id),
        job=parent_run.RootJob(parents.namespace, parents.root_flow or parents.flow),
    )


def moment(at: datetime) -> str:
    """An instant (UTC) as the standard writes it."""
    return at.replace(tzinfo=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def nominal_day(day: date) -> nominal_time_run.NominalTimeRunFacet:
    """The logical date of a run: from its midnight to the next."""
    start = datetime.combine(day, time.min)
    end = start + timedelta(days=1) if day < date.max else LAST
    return nominal_time_run.NominalTimeRunFacet(nominalStartTime=moment(start), nominalEndTime=moment(end))


def tags(told: Mapping[str, str | None]) -> tags_run.TagsRunFacet:
    """What is known of a run beside the standard's own words: its batch, its trace, its release."""
    found = [tags_run.TagsRunFacetFields(key, value, "TIDEMARK") for key, value in told.items() if value]
    return tags_run.TagsRunFacet(tags=found)


def error(message: str) -> error_message_run.ErrorMessageRunFacet:
    """Why a job failed, without secrets."""
    return error_message_run.ErrorMessageRunFacet(message=redact(message), programmingLanguage="PYTHON")


def read(dataset: Dataset, facets: Mapping[str, DatasetFacet], more: Mapping[str, InputDatasetFacet]) -> InputDataset:
    """A dataset that a job reads."""
    return InputDataset(dataset.namespace, dataset.name, facets={**_place(dataset), **facets}, inputFacets=dict(more))


def written(
    dataset: Dataset,
    facets: Mapping[str, DatasetFacet],
    statistics: output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet | None,
) -> OutputDataset:
    """A dataset that a job writes."""
    more = {"outputStatistics": statistics} if statistics else {}
    return OutputDataset(dataset.namespace, dataset.name, facets={**_place(dataset), **facets}, outputFacets=dict(more))


def _place(dataset: Dataset) -> dict[str, DatasetFacet]:
    return {"dataSource": datasource_dataset.DatasourceDatasetFacet(name=dataset.place, uri=dataset.uri)}


def schema(columns: Columns) -> DatasetFacet:
    """The columns of a dataset."""
    return schema_dataset.SchemaDatasetFacet(
        fields=[
            schema_dataset.SchemaDatasetFacetFields(name, type_, redact(meaning) if meaning else None, position)
            for position, (name, type_, meaning) in enumerate(columns, start=1)
        ]
    )


def version(number: int | None) -> dict[str, DatasetFacet]:
    """The version of a Delta table."""
    return {} if number is None else {"version": dataset_version_dataset.DatasetVersionDatasetFacet(str(number))}


def described(contract: Contract) -> dict[str, DatasetFacet]:
    """What a contract says of a table as a whole."""
    found: dict[str, DatasetFacet] = {}
    if contract.description:
        found["documentation"] = documentation_dataset.DocumentationDatasetFacet(
            description=redact(contract.description)
        )
    if contract.owner:
        owners = [ownership_dataset.Owner(name=f"team:{contract.owner}", type="OWNER")]
        found["ownership"] = ownership_dataset.OwnershipDatasetFacet(owners=owners)
    return found


def stored_as_delta() -> dict[str, DatasetFacet]:
    """How tables of the lake are stored."""
    return {
        "storage": storage_dataset.StorageDatasetFacet(storageLayer="delta", fileFormat="parquet"),
        "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet(datasetType="TABLE"),
    }


def rows_read(rows: int) -> dict[str, InputDatasetFacet]:
    """How many rows a source gave."""
    return {"inputStatistics": input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=rows)}


def rows_written(
    rows: int, size: int | None = None
) -> output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet:
    """How many rows a job wrote, and how many bytes these are, where that is known."""
    return output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=rows, size=size)


def column_lineage(found: TableLineage, owners: Mapping[str, Dataset], written_to: Dataset) -> dict[str, DatasetFacet]:
    """Of which columns the columns of a table come; `owners`: the datasets by the names that origins have."""
    fields = {
        written_to.field(column): column_lineage_dataset.Fields(inputFields=_inputs(ways, owners))
        for column, ways in found.columns.items()
        if ways
    }
    if not found.is_known or not fields:
        return {}
    facet = column_lineage_dataset.ColumnLineageDatasetFacet(fields=fields, dataset=_inputs(found.rows, owners))
    return {"columnLineage": facet}


def _inputs(ways: Iterable[Derived], owners: Mapping[str, Dataset]) -> list[column_lineage_dataset.InputField]:
    by_origin: dict[tuple[str, str], list[Via]] = {}
    for origin, via in sorted(ways, key=lambda way: (way[0], way[1].how, way[1].masks)):
        by_origin.setdefault(origin, []).append(via)
    return [
        column_lineage_dataset.InputField(
            owners[owner].namespace,
            owners[owner].name,
            owners[owner].field(column),
            [_transformation(via) for via in vias],
        )
        for (owner, column), vias in by_origin.items()
        if owner in owners
    ]


def _transformation(via: Via) -> column_lineage_dataset.Transformation:
    return column_lineage_dataset.Transformation(
        type="DIRECT" if via.direct else "INDIRECT", subtype=via.how.upper(), masking=via.masks
    )


def assertions(contract: Contract, checks: Sequence[Checked]) -> dict[str, InputDatasetFacet]:
    """The checks of a gate, and what they measured."""
    by_name = {check.name: check for check in contract.checks}
    found = [_assertion(contract, check, by_name.get(check.name)) for check in checks]
    measured = {
        known.column: data_quality_metrics_input_dataset.ColumnMetrics(nullCount=_whole(check.value))
        for check in checks
        if (known := by_name.get(check.name)) is not None
        and known.column is not None
        and known.metric in ("nullValues", "missingValues")
        and known.unit is None
        and _whole(check.value) is not None
    }
    counted = next((_whole(each.value) for each in checks if _metric(by_name.get(each.name)) == "rowCount"), None)
    return {
        "dataQualityAssertions": data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=found),
        "dataQualityMetrics": data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
            columnMetrics=measured, rowCount=counted
        ),
    }


def _assertion(contract: Contract, check: Checked, known: Check | None) -> data_quality_assertions_dataset.Assertion:
    severity = "warn" if check.outcome == "warn" or (known is not None and known.severity == "warning") else "error"
    return data_quality_assertions_dataset.Assertion(
        assertion=_kind(contract, check, known),
        success=check.passed,
        column=known.column if known else None,
        severity=severity,
        name=redact(check.name),
        description=redact(check.bypass) if check.bypass else None,
        expected=_expected(known),
        actual=check.value,
    )


def _kind(contract: Contract, check: Checked, known: Check | None) -> str:
    if check.limit is not None:
        return f"limit_{check.limit}"
    if contract.freshness is not None and check.name == freshness_name(contract.freshness):
        return "freshness"
    if known is None:
        return "unique" if check.name.endswith(" is unique") else "check"
    return _ASSERTED.get(known.metric or "") or _CHECKED[known.kind]


def _expected(known: Check | None) -> str | None:
    if known is None or known.comparison is None:
        return None
    return f"{known.comparison.operator} {' and '.join(f'{value:f}' for value in known.comparison.values)}"


def _metric(known: Check | None) -> str | None:
    return known.metric if known else None


def _whole(value: str | None) -> int | None:
    """A measured number that counts something."""
    text = (value or "").removesuffix(".0")
    return int(text) if text.isdigit() else None
