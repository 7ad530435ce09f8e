"""Spark SQL as text: queries, the columns they give, the types a column may have.

Not here: anything that runs a query.
"""
