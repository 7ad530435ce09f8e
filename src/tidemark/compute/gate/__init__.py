"""What a batch has to pass before it is committed: checks, limits, what Spark reads in its query, and the search for
personal data.

Not here: what is checked, and who asks.
"""
