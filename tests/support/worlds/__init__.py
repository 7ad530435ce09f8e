"""Homes of the sandbox in which whole days are run, and the truth about them.

Not here: lakes that a test fills by hand.
"""
