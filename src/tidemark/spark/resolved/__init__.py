"""What Spark itself makes of a query: its resolved plan, followed from what the query gives down to what it reads.

Not here: what is personal, and what a query may show.
"""
