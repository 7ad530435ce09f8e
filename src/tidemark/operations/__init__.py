"""What keeps a lake going: recover, restore, staging, maintenance.

Not here: the daily run.
"""
