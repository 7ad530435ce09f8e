"""What keeps a lake going: staging taken over and cleaned, restore, maintenance.

Not here: the daily run.
"""
