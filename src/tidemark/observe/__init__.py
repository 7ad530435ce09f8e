"""What is told of a run: logs, alerts, reports, drift of sources.

Not here: what decides whether a batch is good.
"""
