"""OpenLineage: which job read and wrote which dataset and column, told while a run works, to files or a backend.

Not here: of what a table's columns come (`compile.lineage`), and when a job begins and ends, which the flows say.
"""
