"""Contract documents on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tidemark.config.contract import Contract, read_contract

HEAD = """\
apiVersion: v3.2.0
kind: DataContract
id: bronze.things
version: 1.0.0
schema:
  - name: things
    properties:
"""

Read = Callable[[str], tuple[Contract | None, list[str]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a text as `bronze/things.contract.yaml`: the contract, and each finding as `line: message → fix`."""

    def read_text(text: str) -> tuple[Contract | None, list[str]]:
        path = tmp_path / "bronze" / "things.contract.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        contract, findings = read_contract(path)
        return contract, [f"{each.line}: {each.message} → {each.fix}" for each in findings]

    return read_text


@pytest.fixture
def read_properties(read: Read) -> Read:
    """Reads lines of properties (without indentation, the first on line 8) under a sound head."""

    def read_lines(lines: str) -> tuple[Contract | None, list[str]]:
        return read(HEAD + "".join(f"      {line}\n" for line in lines.splitlines()))

    return read_lines
