"""What benchmarks share: their data, their lake, their measuring.

Not here: benchmarks.
"""
