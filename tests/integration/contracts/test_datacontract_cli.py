"""`datacontract lint`, as any team would run it, accepts every contract. Its pins are not ours, so it lives apart."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONTRACTS = sorted((ROOT / "config").glob("*/*.contract.yaml"))
LINT = """
import json, sys
from datacontract.data_contract import DataContract
for file in sys.argv[1:]:
    run = DataContract(data_contract_file=file).lint()
    print(json.dumps([file, run.result.value, [str(check.reason) for check in run.checks if check.reason]]))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the locked datacontract-cli and nothing else."""
    folder = tmp_path_factory.mktemp("datacontract") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    locked = ROOT / "requirements" / "datacontract.txt"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python), "--require-hashes"]
    subprocess.run([*install, "-r", str(locked)], check=True)
    return python


def verdicts(python: Path, *files: Path) -> dict[str, tuple[str, list[str]]]:
    answer = subprocess.run(
        [str(python), "-c", LINT, *map(str, files)], capture_output=True, text=True, check=True, timeout=300
    )
    lines = [json.loads(line) for line in answer.stdout.splitlines() if line.startswith("[")]
    return {file: (result, reasons) for file, result, reasons in lines}


def test_every_contract_is_accepted(python: Path) -> None:
    found = verdicts(python, *CONTRACTS)

    assert len(found) == len(CONTRACTS) >= 33
    assert {file: verdict for file, verdict in found.items() if verdict[0] != "passed"} == {}


def test_a_contract_that_is_no_odcs_is_not(python: Path, tmp_path: Path) -> None:
    text = CONTRACTS[0].read_text("utf-8").replace("kind: DataContract", "kind: Nothing")
    broken = tmp_path / "broken.contract.yaml"
    broken.write_text(text, encoding="utf-8")

    assert verdicts(python, broken)[str(broken)][0] != "passed"
