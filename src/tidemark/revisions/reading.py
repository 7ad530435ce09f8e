"""Contracts from wherever they are named: a file, a configuration folder, or a revision in git."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tidemark.config.contract import LAYERS, SUFFIX, Contract, read_contract
from tidemark.config.files.source import local_folder
from tidemark.config.files.yamltext import parse
from tidemark.errors import ConfigError, Finding
from tidemark.revisions.git import Checkout


@dataclass(frozen=True)
class Revision:
    """The contracts of one place, by table. A `single` one speaks of one table, and not of those that it lacks."""

    name: str
    contracts: Mapping[str, Contract]
    single: bool = False


def read_revision(given: str, config: Path, *, strict: bool) -> Revision:
    """What is named: a contract file, a folder, or else a revision of the configuration folder in git.

    `strict`: the contracts must be as `validate` wants them. Old ones need only be readable.
    """
    path = Path(given).expanduser()
    if path.is_file():
        contract = _contract(path.read_text("utf-8"), given, _table_of(path), strict=strict)
        return Revision(given, {contract.table: contract}, single=True)
    if path.is_dir() and any((path / layer).is_dir() for layer in LAYERS):
        files = [each for layer in LAYERS for each in sorted((path / layer).glob(f"*{SUFFIX}"))]
        texts = {f"{each.parent.name}/{each.name}": each.read_text("utf-8") for each in files}
        return Revision(given, _all(texts, given, strict=strict))
    checkout = Checkout.of(config)
    commit = checkout.commit(given) if checkout else None
    if checkout is None or commit is None:
        where = f"and no revision in the git of {config}" if checkout else f"and {config} is in no checkout of git"
        raise ConfigError(
            f"`{given}` is no contract file, no configuration folder, {where}",
            seen=[] if checkout else [f"git: {Checkout.refusal(config)}"],
            next_step="name a file, a folder, or a revision such as main, v1.2.0 or HEAD~1 (git fetch brings others)",
        )
    return Revision(given, _all(checkout.contracts(commit), given, strict=strict))


def working(config: Path) -> Revision:
    """The configuration as it lies in its folder."""
    return read_revision(str(local_folder(config)), config, strict=True)


def aligned(old: Revision, new: Revision) -> tuple[dict[str, Contract], dict[str, Contract]]:
    """The contracts to compare: of all tables, or of the one that either side is about."""
    before, after = dict(old.contracts), dict(new.contracts)
    about = [table for each in (old, new) if each.single for table in each.contracts]
    if len(set(about)) > 1:
        raise ConfigError(
            f"{old.name} is of {about[0]}, {new.name} of {about[1]}", next_step="compare two versions of one table"
        )
    if about:
        before, after = ({name: each[name] for name in about if name in each} for each in (before, after))
    return before, after


def read_text(text: str, table: str) -> tuple[Contract | None, list[Finding]]:
    """A contract from its text, as far as it can be read, and everything wrong in it."""
    layer, _, name = table.partition(".")
    with tempfile.TemporaryDirectory(prefix="tidemark-contract-") as folder:
        path = Path(folder) / layer / f"{name}{SUFFIX}"
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        return read_contract(path)


def _all(texts: Mapping[str, str], given: str, *, strict: bool) -> dict[str, Contract]:
    found = {}
    for path, text in sorted(texts.items()):
        layer, _, file = path.partition("/")
        if layer in LAYERS:
            table = f"{layer}.{file.removesuffix(SUFFIX)}"
            found[table] = _contract(text, f"{given}:{path}", table, strict=strict)
    return found


def _table_of(path: Path) -> str:
    """The table of a contract file that may lie anywhere: what it says itself."""
    data = parse(path).data
    named = data.get("id") if isinstance(data, dict) else None
    layer, _, name = str(named or "").partition(".")
    if layer not in LAYERS or not name or "/" in name:
        raise ConfigError(f"{path} is no contract: its id is `{named}`", next_step="write `id: <layer>.<table>`")
    return f"{layer}.{name}"


def _contract(text: str, label: str, table: str, *, strict: bool) -> Contract:
    contract, findings = read_text(text, table)
    wrong = [replace(each, file=Path(label)) for each in findings if each.severity == "error"]
    if contract is None or (strict and wrong):
        raise ConfigError(f"{label} is not a valid contract", findings=wrong, next_step="tidemark validate")
    return replace(contract, path=Path(label))
