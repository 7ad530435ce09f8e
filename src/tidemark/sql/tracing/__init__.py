"""Where the columns of a query come from, and what is done to them on the way.

Not here: whether that is allowed.
"""
