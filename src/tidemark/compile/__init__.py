"""What a contract is compiled into: Spark schemas, row rules, table definitions, Soda checks, masks.

Not here: anything that is run on rows or tables.
"""
