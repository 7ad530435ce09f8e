"""A person is erased: found by contracts and queries, taken out of what was received, computed away, and purged.

Not here: the tables behind, which the steps of any run compute, and their publication.
"""
