"""The write modes: what becomes of a batch's rows in their table.

Not here: how they get there.
"""
