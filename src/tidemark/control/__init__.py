"""The control store and what it knows of runs: state, leases, runs, releases, the index of tables.

Not here: rows, and what is computed from them.
"""
