"""The jars that Spark needs beside its own: resolved once by Spark's resolver, checked by SHA-256, kept in a cache.

`jars.lock` names each as `group:artifact:version sha256`. `TIDEMARK_JARS` names a folder that already holds them (an
image bakes them in); otherwise they lie in the user's cache, one folder for each content of the lock and of the log
store, which is made there (see `logstore`).

An archive of the classes in them and in Spark's own jars, parsed and checked, lies in the virtual environment: a JVM
that maps it need not read them from four hundred jars.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.resources import files
from pathlib import Path

from tidemark.children import variables_for
from tidemark.errors import ConfigError
from tidemark.spark import logstore
from tidemark.spark.gateway import start_jvm
from tidemark.spark.java import JavaHome, find_java

_NOT_NEEDED = (
    "software.amazon.awssdk:bundle",  # half a gigabyte: the single modules are locked instead
    "org.wildfly.openssl:wildfly-openssl",
    "io.unitycatalog:unitycatalog-client",
    "io.netty:*",  # Spark's own
)
_RESOLVE = "import pathlib, sys; from tidemark.spark import jars; jars.resolve(pathlib.Path(sys.argv[1]), sys.argv[2:])"

WRITE_ARCHIVE = "-XX:ArchiveClassesAtExit"
# An archive that does not fit is no error: classes are read from their jars then.
NO_WORD_OF_ARCHIVES = ("-Xlog:cds=off", "-Xlog:cds+dynamic=off", "-Xlog:class+path=off")


@dataclass(frozen=True)
class Jar:
    """One locked Maven artifact."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        return f"{self.group}_{self.artifact}-{self.version}.jar"


def locked_jars() -> tuple[Jar, ...]:
    """The jars of `jars.lock`, in its order."""
    lines = files("tidemark.spark").joinpath("jars.lock").read_text(encoding="utf-8").splitlines()
    entries = (line.split() for line in lines if line.strip() and not line.startswith("#"))
    return tuple(_jar(coordinate, digest) for coordinate, digest in entries)


def _jar(coordinate: str, sha256: str) -> Jar:
    group, artifact, version = coordinate.split(":")
    return Jar(group, artifact, version, sha256)


def are_given() -> bool:
    """Whether somebody has put them where they are, as an image does for clusters that bring a Spark of their own."""
    return bool(os.environ.get("TIDEMARK_JARS"))


def jar_folder() -> Path:
    """Where the jars lie, or will lie once `install` has run."""
    given = os.environ.get("TIDEMARK_JARS")
    if given:
        return Path(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    lock = "\n".join([*(f"{jar.coordinate} {jar.sha256}" for jar in locked_jars()), logstore.jar_name()])
    return cache / "tidemark" / f"jars-{hashlib.sha256(lock.encode()).hexdigest()[:12]}"


def archive_path(java: JavaHome) -> Path:
    """Where the archive of classes for this Java, this Spark and these jars lies, or would lie."""
    import pyspark

    told = (java.path, java.build, pyspark.__version__, Path(pyspark.__file__).parent, jar_folder())
    digest = hashlib.sha256("\n".join(map(str, told)).encode()).hexdigest()[:12]
    return Path(sys.prefix) / "share" / "tidemark" / f"classes-{digest}.jsa"


def archive_options(java: JavaHome) -> tuple[str, ...]:
    """What lets a JVM use the archive; nothing where there is none."""
    path = archive_path(java)
    return (f"-XX:SharedArchiveFile={path}", *NO_WORD_OF_ARCHIVES) if path.is_file() else ()


def missing_jars() -> tuple[str, ...]:
    """The file names of the locked jars, and of the log store's, that the folder does not hold."""
    folder = jar_folder()
    names = (*(jar.file_name for jar in locked_jars()), logstore.jar_name())
    return tuple(name for name in names if not (folder / name).is_file())


def install() -> Path:
    """Brings what is missing and returns the folder; raises `ConfigError` on a wrong checksum or no download.

    Whoever gets the folder is about to run what lies in it. So all of it is checked each time, and not when it was
    fetched alone: that is a tenth of a second where the disk is slow, and a third of that where it is not.
    """
    folder = jar_folder()
    if missing_jars():
        _bring(folder)
    verify(folder)
    return folder


def verify(folder: Path) -> None:
    """Raises `ConfigError` unless every jar in the folder is one that is locked, byte for byte."""
    locked = {jar.file_name: jar.sha256 for jar in locked_jars()} | {logstore.jar_name(): logstore.JAR_SHA256}
    there = sorted(each for each in folder.iterdir() if each.suffix.lower() == ".jar")
    wrong = [f"{each.name} is named by no lock" for each in there if each.name not in locked]
    for each in there:
        expected = locked.get(each.name)
        if expected is not None and (found := _digest(each)) != expected:
            wrong.append(f"{each.name} has SHA-256 {found}, and {expected} is locked")
    if wrong:
        raise ConfigError(
            f"{folder} holds jars that are not the locked ones; none was loaded",
            seen=wrong,
            next_step="find out who put them there, and remove them; python -m tidemark.spark.jars brings others",
        )


def changed_jars_of_spark() -> tuple[str, ...]:
    """The jars inside of the package `pyspark` whose content is not what its record says, or that it does not name.

    Half a gigabyte is read for that, so no session does it: whoever can write there can change this code as well.
    """
    try:
        spark = metadata.distribution("pyspark")
    except metadata.PackageNotFoundError:
        return ()
    recorded = {
        Path(str(spark.locate_file(file))): file.hash.value
        for file in spark.files or ()
        if file.suffix == ".jar" and file.hash is not None
    }
    folders = {path.parent for path in recorded if path.parent.name == "jars"}
    there = {path for folder in folders for path in folder.glob("*.jar")}
    return tuple(
        sorted(
            path.name
            for path in there
            if path not in recorded or bytes.fromhex(_digest(path)) != urlsafe_b64decode(f"{recorded[path]}==")
        )
    )


def _bring(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _bring_from_beside(folder)
    missing = [jar for jar in locked_jars() if jar.file_name in missing_jars()]
    if missing:
        with tempfile.TemporaryDirectory(prefix="tidemark-jars-", dir=folder.parent) as scratch:
            _resolve(Path(scratch))
            for jar in missing:
                _adopt(jar, Path(scratch) / "ivy" / "jars" / jar.file_name, folder)
    logstore.install(folder)


def _bring_from_beside(folder: Path) -> None:
    """Takes the jars that an earlier lock had too from its folder in the cache."""
    for jar in locked_jars():
        there = next(folder.parent.glob(f"jars-*/{jar.file_name}"), None)
        if there and not (folder / jar.file_name).exists() and _digest(there) == jar.sha256:
            with tempfile.TemporaryDirectory(prefix="tidemark-jars-", dir=folder.parent) as scratch:
                shutil.copyfile(there, copied := Path(scratch) / jar.file_name)
                _adopt(jar, copied, folder)


def _resolve(scratch: Path) -> None:
    """Lets Spark's own resolver fetch the jars into `scratch/ivy/jars`, in a process and a JVM of their own."""
    command = [sys.executable, "-c", _RESOLVE, str(scratch), *(jar.coordinate for jar in locked_jars())]
    here = {"SPARK_LOCAL_IP": "127.0.0.1"}  # where an image is built, nobody knows the machine
    answer = subprocess.run(
        command, env=variables_for("java") | here, capture_output=True, text=True, timeout=1800, check=False
    )
    if answer.returncode != 0:
        raise ConfigError(
            "the jars that Spark needs could not be downloaded",
            seen=answer.stderr[-2000:].splitlines(),
            next_step="check the way to a Maven repository, or set TIDEMARK_JARS to a folder that holds the jars",
        )


def resolve(scratch: Path, coordinates: Sequence[str]) -> None:
    """Fetches these jars (and what they depend on: what is needed of that is locked, too).

    `user.home` is moved: a half-fetched artifact in the local Maven folder would be taken for whole.
    """
    java = find_java()
    os.environ["JAVA_HOME"] = str(java.path)
    options = [f"-Duser.home={scratch}", java.trust_store_option or ""]
    conf = {
        "spark.jars.packages": ",".join(coordinates),
        "spark.jars.excludes": ",".join(_NOT_NEEDED),
        "spark.jars.ivy": f"{scratch / 'ivy'}",
        "spark.driver.extraJavaOptions": " ".join(options).strip(),
    }
    start_jvm(java, conf).shutdown()


def _adopt(jar: Jar, fetched: Path, folder: Path) -> None:
    if not fetched.is_file():
        raise ConfigError(f"Spark's resolver did not bring {jar.coordinate}")
    digest = _digest(fetched)
    if digest != jar.sha256:
        raise ConfigError(
            f"{jar.coordinate} has SHA-256 {digest}, but {jar.sha256} is locked",
            next_step="do not use this download: find out who changed the artifact",
        )
    fetched.replace(folder / jar.file_name)


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


if __name__ == "__main__":
    sys.stdout.write(f"{install()}\n")
