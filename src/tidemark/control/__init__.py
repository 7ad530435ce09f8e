"""The control store and what it knows of runs: state, leases, runs, begun commits, releases.

Not here: rows, and what is computed from them.
"""
