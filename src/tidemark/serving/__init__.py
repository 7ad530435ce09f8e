"""What readers see of the lake, without Spark: tables as they were released, their rows, their sizes.

Not here: what writes (`write`), what reads for a run (`compute`), and the warehouses, which readers ask by themselves.
"""
