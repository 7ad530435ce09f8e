"""The shop's source systems: what each of them gets on a day, and what is wrong in it.

Not here: how they are written down, and where to.
"""
