"""Files that somebody puts down: listed, and read as CSV, JSON or Parquet.

Not here: systems that are asked for their rows.
"""
