"""Local files of Hadoop without processes.

Where its native library is not, Hadoop runs `chmod` for each file and folder that it makes, and `readlink` twice for
each that it renames: some thirty processes in the load of a table, each a fork of Spark's JVM. Tables of tests are on
local disks, those of runs are on S3.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidemark.spark.jvm import java_class

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PACKAGE = "tidemark.tests"
_CLASS = f"{_PACKAGE}.LocalFiles"
_DEFINED: set[str] = set()  # a JVM takes a class once
_OF_OTHERS = ("yarn.", "mapreduce.", "mapred.")
_OF_SPARK = "fileoutputcommitter."
_SUPERCLASSES_FIRST = ("$Raw", "$RawContext", "$Context", "")


def without_processes(spark: SparkSession) -> None:
    """From now on the session's local files are made by `LocalFiles.java`, and are what they would have been."""
    _define(spark, _CLASS)
    _take(spark, _CLASS)


@contextmanager
def file_system(spark: SparkSession, name: str) -> Iterator[None]:
    """The session's local files are made by another class of this folder, one above `LocalFiles`."""
    _define(spark, name)
    _take(spark, name)
    yield
    _take(spark, _CLASS)


def _take(spark: SparkSession, name: str) -> None:
    context: Any = spark.sparkContext
    configuration = context._jsc.hadoopConfiguration()
    configuration.set("fs.file.impl", name)
    configuration.set("fs.AbstractFileSystem.file.impl", f"{name}$Context")
    system, uri = java_class(spark, "org.apache.hadoop.fs.FileSystem"), java_class(spark, "java.net.URI")
    root = uri.create("file:///")
    system.get(root, configuration).close()  # who asks gets the one that was made first, until it is closed
    assert system.get(root, configuration).getClass().getName() == name


def small_configuration(spark: SparkSession) -> None:
    """Hadoop's configuration goes with every scan and every write to its tasks: 1,000 entries, half of them of YARN and
    MapReduce, and for each, compressed on its own, the name of the file in which it stood. Here it is a third of that.
    """
    context: Any = spark.sparkContext
    configuration = context._jsc.hadoopConfiguration()
    for prefix in _OF_OTHERS:
        for name in dict(configuration.getPropsWithPrefix(prefix)):
            if not name.startswith(_OF_SPARK):
                configuration.unset(f"{prefix}{name}")
    places = configuration.getClass().getDeclaredField("updatingResource")
    places.setAccessible(True)
    places.get(configuration).clear()


def _define(spark: SparkSession, name: str) -> None:
    """Compiles the class and those in it, and gives them to the class loader that has Hadoop: every thread finds them
    there. What is there already stays.
    """
    context: Any = spark.sparkContext
    gateway = context._gateway
    class_of, number = java_class(spark, "java.lang.Class"), java_class(spark, "java.lang.Integer").TYPE
    loader = class_of.forName("org.apache.hadoop.fs.FileSystem").getClassLoader()
    if name in _DEFINED:
        return
    compiler = java_class(spark, "org.codehaus.janino.SimpleCompiler")()
    compiler.cook(Path(__file__).with_name(f"{name.rpartition('.')[2]}.java").read_text("utf-8"))
    compiled = compiler.getBytecodes()

    types = [class_of.forName("java.lang.String"), class_of.forName("[B"), number, number]
    array = gateway.new_array(class_of, len(types))
    for place, each in enumerate(types):
        array[place] = each
    define = class_of.forName("java.lang.ClassLoader").getDeclaredMethod("defineClass", array)
    define.setAccessible(True)
    first = [each for part in _SUPERCLASSES_FIRST if (each := f"{name}{part}") in compiled]
    for each in (*first, *(other for other in compiled if other not in first)):
        code = compiled[each]
        given = gateway.new_array(java_class(spark, "java.lang.Object"), len(types))
        for place, value in enumerate((each, code, 0, len(code))):
            given[place] = value
        define.invoke(loader, given)
    _DEFINED.add(name)
