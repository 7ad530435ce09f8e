"""The write modes: each prepares a batch in staging; `commit.py` alone commits to Delta.

Not here: how Delta keeps its files, and which rows have to be written.
"""
