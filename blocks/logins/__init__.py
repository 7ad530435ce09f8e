"""How Tidemark logs in to systems: connections, and the secrets behind them.

Not here: what is read from them.
"""
