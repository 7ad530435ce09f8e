"""The jobs of a work pool for ECS: prefect-aws' own template, with what Tidemark wants on top.

What theirs gains, ours gains. `overlay.json` says what is different: Fargate with a disk, logs, secrets by ARN, and
that neither the worker's API key nor its auth string is ever part of a request. prefect-aws hands all of a worker's
Prefect settings to the task, so the two are blank in the job's environment, and a client's headers and a server's
database are not in it.

`python -m blocks.ecs > infra/ecs/work-pool.json` writes it down, to be looked at and compared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

OVERLAY = "overlay.json"


def base_job_template() -> dict[str, Any]:
    """What Prefect keeps of a work pool: the jobs' configuration, and the variables of its form."""
    from prefect_aws.workers.ecs_worker import ECSWorker

    overlay: dict[str, Any] = json.loads((files(__name__) / OVERLAY).read_text("utf-8"))
    theirs: dict[str, Any] = ECSWorker.get_default_base_job_template()
    template = _laid_over(theirs, overlay)
    properties = {
        name: _laid_over(_without_alternatives(theirs["variables"]["properties"].get(name, {}), ours), ours)
        for name, ours in overlay["variables"]["properties"].items()
    }
    template["variables"]["properties"] = theirs["variables"]["properties"] | properties
    return template


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Objects are merged; of everything else, lists too, the upper one holds."""
    both = {
        key: _laid_over(below[key], above[key])
        for key in below.keys() & above.keys()
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping)
    }
    return {**below, **above, **both}


def _without_alternatives(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Mapping[str, Any]:
    """A variable that gets one type has no other ones beside it, and no empty value as its default."""
    dropped = ("anyOf", "default") if "type" in ours else ()
    return {key: value for key, value in theirs.items() if key not in dropped}
