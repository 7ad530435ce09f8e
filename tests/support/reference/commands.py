"""The page of every command: what it does, its arguments and options, an example, and what it ends with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import typer

from cli.main import app

CODES: Mapping[int, str] = {
    0: "done",
    1: "failed, or something is not as it should be (`doctor`, `verify`, `reconcile`, `contract diff`)",
    2: "wrong usage or configuration: nothing was run",
    3: "a gate failed: nothing of what it looked at was committed",
    4: "a plan with changes (`plan`)",
}
ANYWHERE = """\
`tidemark --env prod --config DIR COMMAND …` works there with any command. So do errors, alerts and summaries write what
they advise, where a bare command would look into another lake."""
EXAMPLES: Mapping[str, str] = {
    "access sync": "tidemark access sync --env prod",
    "access review": "tidemark access review --env prod --select gold.dim_customer",
    "run": "tidemark run --select +gold.customer_360 --date 2025-04-01",
    "job": "tidemark job crm_to_bronze",
    "check": "tidemark check --select gold.*",
    "test": "tidemark test --select gold.fact_orders",
    "plan": "tidemark plan --out plan.json",
    "apply": "tidemark apply plan.json",
    "approve": "tidemark approve restore run=r31 --by ann",
    "backfill": "tidemark backfill --start 2025-03-01 --end 2025-03-31 --select silver.orders+",
    "maintain": "tidemark maintain",
    "snapshot export": "tidemark snapshot export",
    "snapshot list": "tidemark snapshot list --from s3://acme-dr-snapshots",
    "snapshot verify": "tidemark snapshot verify r31",
    "snapshot restore": "tidemark snapshot restore r31 --from s3://acme-dr-snapshots",
    "erase": "tidemark erase --subject customer_id=CUST-000123",
    "verify": "tidemark verify --select gold.fact_sales --sample 1000",
    "reconcile": "tidemark reconcile --select gold.* --target redshift",
    "recover": "tidemark recover",
    "restore": "tidemark restore --run r31",
    "show": "tidemark show gold.fact_sales --where 'quantity > 5' --limit 10",
    "query": "tidemark query 'SELECT count(*) FROM gold.fact_sales'",
    "ls": "tidemark ls --select gold.*",
    "graph": "tidemark graph --select +gold.fact_sales",
    "validate": "tidemark validate --env prod",
    "ddl": "tidemark ddl --dialect snowflake --select gold.*",
    "sla": "tidemark sla --env prod",
    "bypass add": "tidemark bypass add gold.fact_sales --check 'row count > 0' --by ann --why 'the source is closed' "
    "--until 2026-12-24",
    "bypass list": "tidemark bypass list --all",
    "bypass end": "tidemark bypass end 3f2a91c4 --by ann",
    "schema": "tidemark schema load",
    "doctor": "tidemark doctor",
    "init": "tidemark init --from landing/suppliers.csv",
    "init project": "tidemark init project shop",
    "errors list": "tidemark errors list --table bronze.crm_accounts",
    "errors show": "tidemark errors show 5f2c",
    "errors replay": "tidemark errors replay --table bronze.crm_accounts",
    "errors discard": "tidemark errors discard --table bronze.crm_accounts --yes",
    "catalog build": "tidemark catalog build --out build/catalog",
    "catalog schema": "tidemark catalog schema",
    "catalog serve": "tidemark catalog serve --port 8080",
    "contract diff": "tidemark contract diff origin/main",
    "privacy unique": "tidemark privacy unique gold.customer_360 --by city,segment --k 5",
    "subject export": "tidemark subject export customer_id=CUST-000123 --json",
    "subject receipts": "tidemark subject receipts",
    "state show": "tidemark state show",
    "runs list": "tidemark runs list",
    "runs show": "tidemark runs show latest",
    "blocks register": "tidemark blocks register --env prod",
    "config sign": "tidemark config sign --key key.pem",
    "config from-terraform": "tidemark config from-terraform outputs.json",
    "prefect start": "tidemark prefect start",
    "prefect setup": "tidemark prefect setup --env prod",
    "prefect deploy": "tidemark prefect deploy --env prod",
    "prefect automations": "tidemark prefect automations --env prod",
    "sandbox up": "tidemark sandbox up",
    "sandbox advance": "tidemark sandbox advance --days 2",
    "sandbox down": "tidemark sandbox down",
}


def every() -> Iterator[tuple[str, Any]]:
    """Every command that can be typed, by its words."""
    top: Any = typer.main.get_command(app)
    for name, command in top.commands.items():
        inside = getattr(command, "commands", None)
        if inside is None:
            yield name, command
        else:
            if command.callback is not None and command.invoke_without_command:
                yield name, command
            yield from ((f"{name} {word}", each) for word, each in inside.items())


def page() -> str:
    lines = ["# Commands", "", "This page is made of the code: `python -m tests.support.reference`.", ""]
    lines += ["| exit code | means |", "|---|---|", *(f"| {code} | {told} |" for code, told in CODES.items()), ""]
    lines += [ANYWHERE, ""]
    for name, command in every():
        lines += [f"## `tidemark {name}`", "", _said(command), "", "```sh", EXAMPLES[name], "```", ""]
        lines += _parameters(command)
    return "\n".join(lines)


def _said(command: Any) -> str:
    return "\n".join(line.strip() for line in (command.help or "").strip().splitlines())


def _parameters(command: Any) -> list[str]:
    shown = [each for each in command.params if not getattr(each, "hidden", False) and each.name != "help"]
    if not shown:
        return []
    lines = ["| option | default | means |", "|---|---|---|"]
    for each in shown:
        cells = (_name(each), _default(each), _means(each))
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return [*lines, ""]


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`"
    return ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required:
        return "needed"
    if value is None or value is False or value == () or callable(value) or value is ...:
        return ""
    return f"`{getattr(value, 'value', value)}`"


def _means(parameter: Any) -> str:
    words = [(parameter.help or "").strip()]
    annotation = parameter.type_descriptor.annotation
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        words.append(f"One of {', '.join(f'`{each.value}`' for each in annotation)}.")
    if getattr(parameter, "envvar", None):
        words.append(f"Else `{parameter.envvar}`.")
    return " ".join(word for word in words if word)
