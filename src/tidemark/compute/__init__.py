"""What of a table has to be computed, tables as they will be, and the gate they pass.

Not here: how rows are written.
"""
