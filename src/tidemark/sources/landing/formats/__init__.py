"""What is in a landed file: CSV, JSON and Parquet, compressed or broken.

Not here: which files there are, and which are due.
"""
