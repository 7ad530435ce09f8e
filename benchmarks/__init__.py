"""Reproducible measurements: what Tidemark's guarantees cost against the bare Spark that does without them."""
