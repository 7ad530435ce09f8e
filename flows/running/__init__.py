"""What flows share: the run and its summary, the steps of a stage, commits, progress.

Not here: flows.
"""
