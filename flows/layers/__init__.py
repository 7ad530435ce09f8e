"""The flows of which a daily run is made, each also one of its own.

Not here: runs of everything.
"""
