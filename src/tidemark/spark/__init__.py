"""The session, the Java and jars it runs on, and the file systems that Spark knows.

Not here: Delta, and steps on rows.
"""
