#!/usr/bin/env python3
"""What Tidemark is made of, as a CycloneDX document: packages, jars with their SHA-256, and of an image Debian's.

`sbom.py` tells it of the checkout, by its locks: the wheel with all that it is installed with. `sbom.py --image`, run
by the Python of an image, tells what is installed there. The same things give the same document.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import subprocess
import sys
import tomllib
import uuid
import zipfile
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).parents[1] if "__file__" in globals() and Path(__file__).is_file() else Path.cwd()
LOCK, JARS = "requirements/runtime.txt", "src/tidemark/spark/jars.lock"
_PACKAGE = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_WRITTEN = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties")
_NAMESPACE = uuid.UUID("8c0a1d3e-0f57-5d6a-9f0e-5a0f3b1c7d42")


def of_checkout() -> dict[str, Any]:
    """Of the wheel and what its locks say beside it; Spark's own jars where its package is installed here."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    locked = _PACKAGE.findall((ROOT / LOCK).read_text("utf-8"))
    packages = [package(name, found) for name, found in locked]
    return document(version, [*packages, *jars((ROOT / JARS).read_text("utf-8")), *jars_of_spark()])


def of_image() -> dict[str, Any]:
    """Of what is installed where this runs."""
    here = {each.metadata["Name"]: each for each in metadata.distributions()}
    packages = [package(name, each.version, license_of(each)) for name, each in here.items() if name != "tidemark"]
    lock = resources.files("tidemark.spark").joinpath("jars.lock").read_text("utf-8")
    return document(here["tidemark"].version, [*packages, *jars(lock), *jars_of_spark(), *debian()])


def document(version: str, components: list[dict[str, Any]]) -> dict[str, Any]:
    """A CycloneDX document of Tidemark and its components, each of them once."""
    found = {each["bom-ref"]: each for each in components}
    listed = [found[name] for name in sorted(found)]
    root = f"pkg:pypi/tidemark@{version}"
    contents = hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, contents)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "tidemark",
                "version": version,
                "purl": root,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": listed,
        "dependencies": [{"ref": root, "dependsOn": [each["bom-ref"] for each in listed]}],
    }


def component(purl: str, name: str, version: str, **more: Any) -> dict[str, Any]:
    """One component, known by its package address, and by its content where that is told: two files may have one."""
    told = [each["content"] for each in more.get("hashes", ())]
    return {
        "type": "library",
        "bom-ref": "#".join([purl, *told]),
        "name": name,
        "version": version,
        "purl": purl,
        **more,
    }


def package(name: str, version: str, license_: str | None = None) -> dict[str, Any]:
    """A package of PyPI."""
    normal = re.sub(r"[-_.]+", "-", name).lower()
    told = {"licenses": [{"license": {"name": license_}}]} if license_ else {}
    return component(f"pkg:pypi/{normal}@{quote(version, safe='.')}", normal, version, **told)


def license_of(found: metadata.Distribution) -> str | None:
    """What a distribution says of its licence, if that is a name and not the whole text."""
    told = found.metadata.get("License-Expression") or found.metadata.get("License") or ""
    return told if 0 < len(told) <= 60 and "\n" not in told else None


def jar(group: str, artifact: str, version: str, sha256: str) -> dict[str, Any]:
    """A jar of Maven."""
    purl = f"pkg:maven/{quote(group)}/{quote(artifact)}@{quote(version)}?type=jar"
    return component(purl, artifact, version, group=group, hashes=[{"alg": "SHA-256", "content": sha256}])


def jars(lock: str) -> Iterator[dict[str, Any]]:
    """The jars of a lock."""
    for line in lock.splitlines():
        if line.strip() and not line.startswith("#"):
            coordinate, sha256 = line.split()
            yield jar(*coordinate.split(":"), sha256)


def jars_of_spark() -> Iterator[dict[str, Any]]:
    """The jars inside of the package `pyspark`, by its own record of their digests."""
    try:
        spark = metadata.distribution("pyspark")
    except metadata.PackageNotFoundError:
        return
    for file in spark.files or ():
        if file.suffix == ".jar" and file.hash is not None:
            path = Path(str(spark.locate_file(file)))
            digest = base64.urlsafe_b64decode(f"{file.hash.value}==").hex()
            if path.is_file():  # an image for EMR has Amazon's in their place
                yield _described(path, digest)


def _described(path: Path, sha256: str) -> dict[str, Any]:
    """A jar by what Maven has written into it, else by its file's name."""
    with zipfile.ZipFile(path) as archive:
        written = [name for name in archive.namelist() if _WRITTEN.fullmatch(name)]
        told = dict(re.findall(r"^(\w+)=(.+?)\r?$", archive.read(written[0]).decode(), re.MULTILINE)) if written else {}
    if len(written) == 1 and {"groupId", "artifactId", "version"} <= told.keys():
        return jar(told["groupId"], told["artifactId"], told["version"], sha256)
    name, _, version = path.stem.rpartition("-")
    purl = f"pkg:generic/{quote(name or path.stem)}@{quote(version)}"
    return component(purl, name or path.stem, version, hashes=[{"alg": "SHA-256", "content": sha256}])


def debian() -> Iterator[dict[str, Any]]:
    """The packages of Debian, where there are any."""
    command = ["dpkg-query", "--show", "--showformat", "${Package} ${Version} ${Architecture}\\n"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return
    for line in answer.stdout.splitlines():
        name, version, architecture = line.split()
        yield component(f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={architecture}", name, version)


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--image", action="store_true", help="what is installed here, not what the checkout's locks say")
    told = of_image() if given.parse_args().image else of_checkout()
    sys.stdout.write(f"{json.dumps(told, indent=1)}\n")


if __name__ == "__main__":
    main()
