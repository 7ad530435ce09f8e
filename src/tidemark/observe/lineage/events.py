"""Events of OpenLineage about a run's jobs: made of what the run knows anyway, without a look at any data."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from openlineage.client.event_v2 import InputDataset, OutputDataset, RunEvent, RunState
from openlineage.client.event_v2 import Job as JobOfEvent
from openlineage.client.event_v2 import Run as RunOfEvent
from openlineage.client.facet_v2 import (
    DatasetFacet,
    JobFacet,
    RunFacet,
    documentation_job,
    job_type_job,
    processing_engine_run,
    source_code_job,
    source_code_location_job,
    sql_job,
)
from openlineage.client.serde import Serde

from tidemark.compile.ddl import Dialect, column_type, publish_columns
from tidemark.compile.lineage import SOURCE, Lineage, TableLineage
from tidemark.config.definition import transform_of
from tidemark.errors import ConfigError
from tidemark.observe.lineage import facets, naming
from tidemark.observe.lineage.jobs import Begun, Ended, Job, State, revision
from tidemark.redaction import redact
from tidemark.sql.tracing.derivation import AS_IT_IS
from tidemark.sql.types import METADATA_COLUMNS

if TYPE_CHECKING:
    from datetime import datetime

    from tidemark.config.project import Project, Table
    from tidemark.control.runs import Run
    from tidemark.observe.lineage.facets import Columns
    from tidemark.observe.lineage.jobs import Parents
    from tidemark.observe.lineage.naming import Dataset

Event = dict[str, Any]
INTEGRATION = "TIDEMARK"


def producer() -> str:
    """Who tells."""
    return f"urn:tidemark:{version('tidemark')}"


@dataclass
class Events:
    """Makes the events of one run."""

    project: Project
    run: Run
    parents: Parents
    _lineage: Lineage = field(init=False)

    def __post_init__(self) -> None:
        self._lineage = Lineage(self.project.tables)

    def began(self, begun: Begun) -> Event:
        """A job has begun: what it is, what it reads and what it writes."""
        return self._event(begun, "START", Ended("START", begun.at))

    def ended(self, begun: Begun, ended: Ended) -> Event:
        """A job has ended, one way or the other."""
        return self._event(begun, ended.state, ended)

    def _event(self, begun: Begun, state: State, ended: Ended) -> Event:
        inputs, outputs = self._datasets(begun.job, ended)
        return Serde.to_dict(
            RunEvent(
                eventTime=facets.moment(ended.at),
                eventType=RunState[state],
                run=RunOfEvent(begun.run_id, facets=self._of_run(begun, ended)),
                job=JobOfEvent(self.parents.namespace, begun.job.name, facets=self._of_job(begun.job)),
                inputs=inputs,
                outputs=outputs,
                producer=producer(),
            )
        )

    def _of_run(self, begun: Begun, ended: Ended) -> dict[str, RunFacet]:
        own, parents = begun.part_of or self.run.run_id, self.parents
        if own != self.run.run_id:
            parents = replace(parents, run_id=own, root_flow=None, root_run_id=None)
        parent = facets.of_run(parents) if begun.job.kind == "RUN" else facets.of_job(parents)
        told = {"run_id": own, "trace_id": self.run.trace_id, **ended.tags}
        found: dict[str, RunFacet] = {
            "nominalTime": facets.nominal_day(self.run.date),
            "tags": facets.tags(told),
            "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
                version=version("pyspark"), name="spark", openlineageAdapterVersion=version("tidemark")
            ),
        }
        if parent is not None:
            found["parent"] = parent
        if ended.error is not None:
            found["errorMessage"] = facets.error(ended.error)
        return found

    def _of_job(self, job: Job) -> dict[str, JobFacet]:
        found: dict[str, JobFacet] = {
            "jobType": job_type_job.JobTypeJobFacet("BATCH", INTEGRATION, jobType=job.kind),
        }
        table = self.project.tables.get(job.table)
        if table is None:
            return found
        if table.contract.description:
            found["documentation"] = documentation_job.DocumentationJobFacet(redact(table.contract.description))
        if job.kind == "LOAD":
            found |= self._source_code(table)
        return found

    def _source_code(self, table: Table) -> dict[str, JobFacet]:
        """What computes a table: its query or its function, and where that is kept."""
        found: dict[str, JobFacet] = {}
        if table.sql is not None:
            found["sql"] = sql_job.SQLJobFacet(redact(table.sql), dialect="spark")
        elif table.load.transform is not None:
            try:
                text = inspect.getsource(transform_of(table))
            except (ConfigError, OSError):
                text = table.load.transform
            found["sourceCode"] = source_code_job.SourceCodeJobFacet("python", redact(text))
        root = self.project.config_dir
        known, path = revision(root), table.sql_path or table.contract.path
        if known is not None and path.is_relative_to(root):
            found["sourceCodeLocation"] = source_code_location_job.SourceCodeLocationJobFacet(
                type="git",
                url=known.address(path, root),
                repoUrl=known.repository,
                path=f"{known.folder}{path.relative_to(root).as_posix()}",
                version=known.commit,
            )
        return found

    def _datasets(self, job: Job, ended: Ended) -> tuple[list[InputDataset], list[OutputDataset]]:
        table = self.project.tables.get(job.table)
        if table is None or job.kind == "RUN":
            return [], []
        if job.kind == "GATE":
            return [self._judged(table, ended)], []
        if job.kind == "PUBLISH":
            return self._published(table, job.target, ended)
        if job.kind in ("RESTORE", "ERASE"):
            return [], [self._changed(table, ended)]
        return self._loaded(table, ended)

    def _judged(self, table: Table, ended: Ended) -> InputDataset:
        """The table whose candidate a gate looks at; what it found goes with what was looked at."""
        dataset = naming.lake_table(self.project.environment, table.name)
        more = facets.assertions(table.contract, ended.checks) if ended.checks else {}
        return facets.read(dataset, facets.version(ended.version), more)

    def _published(self, table: Table, target: str, ended: Ended) -> tuple[list[InputDataset], list[OutputDataset]]:
        environment = self.project.environment
        lake, place = naming.lake_table(environment, table.name), naming.published(environment, target, table.name)
        dialect: Dialect = "snowflake" if place.namespace.startswith("snowflake:") else "redshift"
        types = publish_columns(table.contract)
        columns = [(place.field(name), column_type(of_type, dialect), None) for name, of_type in types.items()]
        as_they_are = TableLineage({name: frozenset({((table.name, name), AS_IT_IS)}) for name in types})
        found = {"schema": facets.schema(columns), **facets.described(table.contract), **facets.version(ended.version)}
        if ended.state != "START":
            found |= facets.column_lineage(as_they_are, {table.name: lake}, place)
        statistics = None if ended.rows is None else facets.rows_written(ended.rows)
        return [self._table(table, lake, ended.version)], [facets.written(place, found, statistics)]

    def _loaded(self, table: Table, ended: Ended) -> tuple[list[InputDataset], list[OutputDataset]]:
        environment = self.project.environment
        written_to = naming.lake_table(environment, table.name)
        owners = {name: naming.lake_table(environment, name) for name in table.inputs if name in self.project.tables}
        inputs = [
            self._table(self.project.tables[name], dataset, ended.inputs.get(name)) for name, dataset in owners.items()
        ]
        if table.load.source is not None:
            owners[SOURCE] = naming.source(environment, table.load.source)
            inputs.append(self._source(table, owners[SOURCE], ended))
        found = {
            "schema": facets.schema(_columns(table, ended.columns)),
            **facets.described(table.contract),
            **facets.stored_as_delta(),
            **facets.version(ended.version),
        }
        if ended.state != "START":
            found |= facets.column_lineage(self._lineage.of(table.name), owners, written_to)
        is_written = ended.state == "COMPLETE" and ended.rows is not None
        statistics = facets.rows_written(ended.rows or 0, ended.size) if is_written else None
        return inputs, [facets.written(written_to, found, statistics)]

    def _changed(self, table: Table, ended: Ended) -> OutputDataset:
        """A table that was taken back, or from which somebody was erased: nothing was read for that but itself."""
        found = {"schema": facets.schema(_columns(table)), **facets.stored_as_delta(), **facets.version(ended.version)}
        return facets.written(naming.lake_table(self.project.environment, table.name), found, None)

    def _table(self, table: Table, dataset: Dataset, number: int | None) -> InputDataset:
        found: Mapping[str, DatasetFacet] = {"schema": facets.schema(_columns(table)), **facets.version(number)}
        return facets.read(dataset, found, {})

    def _source(self, table: Table, dataset: Dataset, ended: Ended) -> InputDataset:
        """A source, with the fields that are read of it: what else it has, and of which types, is not asked."""
        ways = self._lineage.of(table.name).columns.values()
        fields = sorted({name for way in ways for (_, name), _ in way})
        more = facets.rows_read(ended.books.extracted) if ended.books else {}
        columns = [(dataset.field(each), None, None) for each in fields]
        return facets.read(dataset, {"schema": facets.schema(columns)}, more)


def _columns(table: Table, gained: Mapping[str, str] = MappingProxyType({})) -> Columns:
    """The columns of a table of the lake: its contract's, those that it has gained, and what the engine adds."""
    known = {each.name: (each.type, each.description) for each in table.contract.columns}
    more = {name: (of_type, None) for name, of_type in {**gained, **METADATA_COLUMNS}.items() if name not in known}
    return [(name, of_type, meaning) for name, (of_type, meaning) in {**known, **more}.items()]


def aborted(start: Event, at: datetime, why: str) -> Event:
    """The end of a job whose run has died, made of the event of its start, as somebody else found out."""
    run = start["run"]
    return {
        **start,
        "eventType": "ABORT",
        "eventTime": facets.moment(at),
        "run": {**run, "facets": {**run["facets"], "errorMessage": Serde.to_dict(facets.error(why))}},
    }
