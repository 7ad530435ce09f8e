"""What of a person a table shows, and whether its contract lets it.

Not here: what the rows hold.
"""
