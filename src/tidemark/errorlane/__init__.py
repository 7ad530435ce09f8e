"""Rejected rows: written once, listed, replayed, discarded.

Not here: the rules that reject them.
"""
