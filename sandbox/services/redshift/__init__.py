"""A stand-in for Redshift: PostgreSQL behind its wire, with COPY and UNLOAD.

Not here: what is in its tables.
"""
