"""Plans: runs that stop before their commit. What one would do is a document; applying it does just that.

Not here: the steps up to the commit, which are those of any run.
"""
