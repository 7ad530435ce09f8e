"""The `tidemark` command, one module a group of commands.

Not here: what a command does, which is a flow's or the engine's.
"""
