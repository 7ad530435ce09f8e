"""Runs a flow for the command line: watches it, prints its summary, turns its failure into an exit code."""

from __future__ import annotations

import inspect
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cli.console.display import display
from cli.console.options import environment_of
from cli.console.output import show, show_json, stderr
from cli.console.prefect_api import use_prefect
from flows.running.telling.progress import called, watched_by
from tidemark.errors import ConfigError, TidemarkError
from tidemark.observe.logs import chosen
from tidemark.observe.run_report import render
from tidemark.spark.session import build_session

if TYPE_CHECKING:
    from prefect import Flow

    from tidemark.config.environment import Environment
    from tidemark.control.runs import RunSummary

log = logging.getLogger("tidemark.launch")


def launch(
    flow_name: str,
    parameters: Mapping[str, Any],
    *,
    env: str,
    config: str,
    as_json: bool = False,
    debug: bool = False,
    report: Callable[[RunSummary], None] | None = None,
    job: str = "",
) -> None:
    """Runs the flow `flow_name` in this process and prints what it did, whether it failed or not.

    `report` prints it, where it is not the summary that is wanted. `job`: what the run is called, beside its flow.

    Raises what the flow raised, `ConfigError` for parameters that the flow does not have, and `TidemarkError` when
    somebody stops it.
    """
    environment = environment_of(env, config)
    use_prefect(environment, debug=debug)
    threading.Thread(target=_start_spark, args=(environment,), name="tidemark-spark", daemon=True).start()
    from prefect.exceptions import TerminationSignal

    flow = getattr(import_module(f"flows.{flow_name}"), flow_name)
    given = {name: value for name, value in parameters.items() if value not in (None, False, [])}
    _refuse_unknown(flow_name, given, inspect.signature(flow.fn).parameters)
    refuse_misfits(flow, {"env": env, "config": config, **given})
    shown = display(stderr(), logged=chosen(environment.logs) == "json")
    try:
        # On stdout stands the result alone: what a flow prints for the logs of containers goes to stderr.
        with shown, watched_by(shown), called(job), redirect_stdout(sys.stderr):
            flow(env=env, config=config, **given)
    except (KeyboardInterrupt, TerminationSignal):
        raise TidemarkError(
            "the run was interrupted; what it had committed stays, of the rest nothing is visible",
            step=flow_name,
            next_step="run again: nothing is received or committed twice",
        ) from None
    finally:
        if shown.summary is not None and report is not None:
            report(shown.summary)
        elif shown.summary is not None and as_json:
            show_json(shown.summary.to_json())
        elif shown.summary is not None:
            show(render(shown.summary))


def _start_spark(environment: Environment) -> None:
    """Spark starts in a process of its own, which takes as long as importing what a flow needs: so both at once."""
    try:
        build_session(environment)
    except Exception as failure:
        log.debug("Spark could not be started early, the run will say why: %s", failure)


def refuse_misfits(flow: Flow[..., Any], given: Mapping[str, Any]) -> None:
    """Raises `ConfigError` when the flow would not take these parameters: the form of a deployment refuses them too."""
    from prefect.exceptions import ParameterTypeError
    from pydantic import ValidationError

    try:
        flow.validate_parameters(dict(given))
    except ParameterTypeError as refused:
        invalid = refused.__cause__ or refused.__context__
        errors = invalid.errors() if isinstance(invalid, ValidationError) else []
        told = [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in errors] or [str(refused)]
        raise ConfigError(f"{flow.name} does not take this: {'; '.join(told)}", next_step="correct it") from None


def _refuse_unknown(flow_name: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    unknown = [f"--{name.replace('_', '-')}" for name in given if name not in known]
    if unknown:
        raise ConfigError(f"{', '.join(unknown)} means nothing to the flow {flow_name}", next_step="leave it out")
