"""Whether two systems hold the same rows: counts and hash sums on both sides, then the rows and columns that differ.

Not here: whether a table is what its own inputs make it, which `compute.verify` tells.
"""
