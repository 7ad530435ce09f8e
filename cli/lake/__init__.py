"""Commands on the lake's tables, rows and commits.

Not here: runs and plans.
"""
