"""Small lakes: tables described in a few lines, batches loaded through the engine.

Not here: the shop and its sandbox.
"""
