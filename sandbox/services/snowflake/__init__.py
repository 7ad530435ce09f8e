"""A stand-in for Snowflake: fakesnow, with COPY INTO S3 and sessions.

Not here: what is in its tables.
"""
