"""Commands on the configuration.

Not here: anything that needs a lake.
"""
