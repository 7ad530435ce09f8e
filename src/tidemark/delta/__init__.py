"""All that knows Delta's inside: its log, its files and their footers, how large tables are.

Not here: what is to be written, and the commits.
"""
