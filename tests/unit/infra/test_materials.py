"""What Tidemark is made of is told whole, and what is known of it is asked every night."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyspark
import pytest
import yaml

from tidemark.spark.jars import locked_jars

SBOM, ADVISORIES = Path(".ci/sbom.py"), Path(".ci/advisories.py")
_PURL = re.compile(r"pkg:(pypi|maven|generic|deb)/[^@\s]+@[^@\s]+")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    told = subprocess.run([sys.executable, SBOM], capture_output=True, text=True, check=True)
    return json.loads(told.stdout)


def test_it_is_a_document_of_its_kind(document: dict[str, Any]) -> None:
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", document["serialNumber"])
    names = [each["bom-ref"] for each in document["components"]]
    assert len(set(names)) == len(names)
    for each in document["components"]:
        assert _PURL.fullmatch(each["purl"]), each
        assert each["type"] == "library"
    (whole,) = document["dependencies"]
    assert (whole["ref"], whole["dependsOn"]) == (document["metadata"]["component"]["bom-ref"], names)


def test_every_package_that_is_locked_is_in_it(document: dict[str, Any]) -> None:
    locked = re.findall(r"^([\w.-]+)==(\S+)", Path("requirements/runtime.txt").read_text("utf-8"), re.MULTILINE)
    packages = {(each["name"], each["version"]) for each in document["components"] if "pypi" in each["purl"]}
    assert packages == {(re.sub(r"[-_.]+", "-", name).lower(), version) for name, version in locked}


def test_every_jar_is_in_it_with_its_digest(document: dict[str, Any]) -> None:
    digests = {each["hashes"][0]["content"] for each in document["components"] if "hashes" in each}
    inside = {hashlib.sha256(jar.read_bytes()).hexdigest() for jar in Path(pyspark.__file__).parent.rglob("*.jar")}
    assert digests == {jar.sha256 for jar in locked_jars()} | inside


def test_the_same_things_give_the_same_document(document: dict[str, Any]) -> None:
    told = subprocess.run([sys.executable, "-"], stdin=SBOM.open(), capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == document


def test_an_installation_tells_of_itself() -> None:
    """As in an image, where the script comes by standard input."""
    command = [sys.executable, "-", "--image"]
    told = json.loads(subprocess.run(command, stdin=SBOM.open(), capture_output=True, text=True, check=True).stdout)
    names = {each["name"] for each in told["components"]}
    assert {"pyspark", "prefect", "delta-storage", "pytest"} <= names
    assert "tidemark" not in names


class _Osv(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        results = [{"vulns": [{"id": "GHSA-1"}]} if "pypi/httpx@" in each["package"]["purl"] else {} for each in asked]
        body = json.dumps({"results": results}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The test's output stays clean."""


@pytest.fixture
def osv() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Osv)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("known", "code"),
    [
        ({}, 1),
        ({"GHSA-1": {"why": "not reached", "until": "2999-01-01"}}, 0),
        ({"GHSA-1": {"why": "not reached", "until": "2020-01-01"}}, 1),
        ({"GHSA-2": {"why": "another", "until": "2999-01-01"}}, 1),
    ],
)
def test_an_advisory_that_nobody_has_judged_fails(
    document: dict[str, Any], osv: str, tmp_path: Path, known: dict[str, Any], code: int, capsys: Any
) -> None:
    spec = importlib.util.spec_from_file_location("advisories", ADVISORIES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    told = module.found(document["components"], osv)
    (purl,) = told
    assert purl.startswith("pkg:pypi/httpx@")
    assert told[purl] == ["GHSA-1"]
    fresh = list(module.new(told, known, module.dt.date(2026, 1, 31)))
    assert fresh == ([f"GHSA-1: {purl}"] if code else [])


def test_what_was_judged_says_why_and_until_when() -> None:
    for advisory, judged in json.loads(Path(".ci/advisories.json").read_text("utf-8")).items():
        assert re.fullmatch(r"(GHSA|CVE|PYSEC|OSV)-\S+", advisory)
        assert judged["why"].strip()
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", judged["until"])


def test_newer_versions_are_proposed_for_all_that_is_locked() -> None:
    told = yaml.safe_load(Path(".github/dependabot.yml").read_text("utf-8"))
    kinds = {each["package-ecosystem"] for each in told["updates"]}
    assert kinds == {"pip", "github-actions", "docker", "docker-compose", "terraform"}
    for each in told["updates"]:
        for folder in each.get("directories", [each.get("directory")]):
            assert Path(f".{folder}").is_dir(), folder


def test_every_night_somebody_asks() -> None:
    nightly = yaml.safe_load(Path(".github/workflows/nightly.yml").read_text("utf-8"))
    assert {"run": "make advisories"} in nightly["jobs"]["advisories"]["steps"]
