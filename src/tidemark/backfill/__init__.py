"""Days of the past once more: what is asked for, what it means, what is done of it.

Not here: the steps, which are those of any run.
"""
