"""A bar for each stage of a run in Prefect's UI, moved by every table that ends."""

from __future__ import annotations

from prefect import flow

from flows.running.telling.progress_artifacts import ArtifactWatcher
from tests.support.deployments.artifacts import newest
from tidemark.control.runs import Publication, TableResult


def test_every_table_that_ends_moves_the_bar_of_its_stage(prefect_server: str) -> None:
    seen: list[float | None] = []

    @flow(persist_result=False)
    def watched() -> None:
        watcher = ArtifactWatcher()
        watcher.stage_began("build silver", ["silver.a", "silver.b"])
        watcher.stage_began("publish to redshift", ["gold.a"])
        watcher.table_ended(TableResult("silver.a", "prepared"))
        seen.append(bar(prefect_server, "tidemark-progress-build-silver"))
        watcher.table_ended(TableResult("silver.a", "prepared"))
        watcher.table_ended(TableResult("bronze.other", "committed"))
        seen.append(bar(prefect_server, "tidemark-progress-build-silver"))
        watcher.table_ended(TableResult("silver.b", "failed"))
        watcher.publication_ended(Publication("gold.a", "redshift", error="down"))
        seen.append(bar(prefect_server, "tidemark-progress-build-silver"))
        seen.append(bar(prefect_server, "tidemark-progress-publish-to-redshift"))

    watched()

    assert seen == [50.0, 50.0, 100.0, 100.0]


def test_outside_of_a_flow_run_there_is_nothing_to_show(prefect_server: str) -> None:
    watcher = ArtifactWatcher()
    watcher.stage_began("build gold", ["gold.a"])
    watcher.table_ended(TableResult("gold.a", "prepared"))

    assert bar(prefect_server, "tidemark-progress-build-gold") is None


def bar(api: str, key: str) -> float | None:
    artifact = newest(api, key)
    return None if artifact is None else artifact["data"]
