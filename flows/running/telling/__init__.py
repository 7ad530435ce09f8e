"""How a run tells what it does: progress, logs, artifacts, lineage.

Not here: what it does.
"""
