"""Where runs are deployed to: Prefect, containers, EMR Serverless.

Not here: what they compute.
"""
