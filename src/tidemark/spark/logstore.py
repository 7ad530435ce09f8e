"""How Delta puts an entry into a table's log on S3: on the condition that there is none of its name.

The store for that is `ConditionalPutLogStore.java`, beside this module. It is compiled where jars are installed, by the
compiler of Java that Spark brings for its own generated code, so that no machine needs another.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError, Py4JJavaError

from tidemark.children import variables_for
from tidemark.errors import ConfigError
from tidemark.spark.gateway import start_jvm
from tidemark.spark.java import find_java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JAR_SHA256 = "cf1f4ae9986152d2af569ae320da6ebc8d1ca287716481672bc12957983dff1e"
"""Of the jar that is made of the source: the compiler writes the same bytes on any Java."""

PROBE = "_conditional_put"
"""The object by which a place shows that it keeps to the condition of a put; it stays there."""

CLASS = "tidemark.logstore.ConditionalPutLogStore"
SETTINGS = {f"spark.delta.logStore.{scheme}.impl": CLASS for scheme in ("s3a", "s3")}

_SOURCE = "ConditionalPutLogStore.java"
_COMPILE = "import sys; from tidemark.spark import logstore; logstore.compile_into(*sys.argv[1:])"
_ALWAYS_THE_SAME = (1980, 1, 1, 0, 0, 0)
_SECONDS = 300


def source() -> str:
    """The store's source."""
    return files("tidemark.spark").joinpath(_SOURCE).read_text(encoding="utf-8")


def jar_name() -> str:
    """The file name of the jar that is made of this source."""
    return f"tidemark-logstore-{hashlib.sha256(source().encode()).hexdigest()[:12]}.jar"


def install(folder: Path) -> None:
    """Makes the jar in a folder that holds Delta's, unless it is there; one of another source goes."""
    jar = folder / jar_name()
    if jar.is_file():
        return
    with tempfile.TemporaryDirectory(prefix="tidemark-logstore-", dir=folder.parent) as scratch:
        _compile(folder, Path(scratch))
        partial = Path(scratch) / jar.name
        with zipfile.ZipFile(partial, "w") as archive:
            for file in sorted(Path(scratch).rglob("*.class")):
                entry = zipfile.ZipInfo(file.relative_to(scratch).as_posix(), _ALWAYS_THE_SAME)
                archive.writestr(entry, file.read_bytes())
        for old in folder.glob("tidemark-logstore-*.jar"):
            old.unlink()
        partial.replace(jar)


def _compile(folder: Path, scratch: Path) -> None:
    """Compiles in a process and a JVM of their own."""
    command = [sys.executable, "-c", _COMPILE, str(folder), str(scratch)]
    here = {"SPARK_LOCAL_IP": "127.0.0.1"}  # where an image is built, nobody knows the machine
    answer = subprocess.run(
        command, env=variables_for("java") | here, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if answer.returncode != 0:
        raise ConfigError(
            "the log store of Delta tables on S3 could not be compiled",
            seen=answer.stderr[-2000:].splitlines(),
            next_step=f"remove {folder}, whose jars may be broken, then python -m tidemark.spark.jars",
        )


def compile_into(jars: str, target: str) -> None:
    """Compiles the store against Spark's jars and those in the folder `jars`; the classes go below `target`."""
    import pyspark

    gateway = start_jvm(find_java(), {})
    file = gateway.jvm.java.io.File

    def files_of(paths: list[Path]) -> Any:
        array = gateway.new_array(file, len(paths))
        for number, path in enumerate(paths):
            array[number] = file(str(path))
        return array

    spark_jars = Path(pyspark.__file__).parent / "jars"
    compiler = gateway.jvm.org.codehaus.janino.CompilerFactory().newCompiler()
    compiler.setClassPath(files_of([*sorted(spark_jars.glob("*.jar")), *sorted(Path(jars).glob("*.jar"))]))
    compiler.setDestinationDirectory(file(target), False)
    with as_file(files("tidemark.spark").joinpath(_SOURCE)) as path:
        compiler.compile(files_of([path]))
    gateway.shutdown()


def verify(spark: SparkSession, root: str) -> None:
    """Makes sure, before a run relies on it, that the store of tables below `root` refuses a second entry of a name.

    Raises `ConfigError` where it does not, or cannot be asked. A local root, and a log store that somebody has set in
    the place of ours, are left alone.
    """
    scheme = root.partition("://")[0]
    if spark.conf.get(f"spark.delta.logStore.{scheme}.impl", None) != CLASS:
        return
    from tidemark.spark.jvm import java_class

    context: Any = spark.sparkContext
    folder = java_class(spark, "org.apache.hadoop.fs.Path")(root)
    try:
        java_class(spark, CLASS).verify(folder, context._jsc.hadoopConfiguration())
    except Py4JJavaError as failure:
        raise ConfigError(
            f"{root} cannot hold Delta tables: {failure.java_exception.getMessage()}",
            next_step="tidemark doctor; docs/logs-on-s3.md says which stores do",
        ) from failure
    except Py4JError as failure:
        raise ConfigError(
            f"{CLASS}, which writes the logs of tables on S3, is not on Spark's class path",
            next_step=f"add {jar_name()} to it: python -m tidemark.spark.jars makes it, and an image has it",
        ) from failure
