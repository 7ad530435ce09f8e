"""Tidemark's engine: contracts, row accounting, prepared batches and atomic commits on Spark and Delta."""

__version__ = "0.1.0"
