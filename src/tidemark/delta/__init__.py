"""All that knows Delta's inside: its log, files and footers, how large tables are, what a table says of itself.

Not here: what is to be written, and the commits.
"""
