"""What contracts were before: their versions in git, what changed from one to the next, and whom that breaks.

Not here: what a run does about a contract that changed (`write`, `compute`).
"""
