"""What can be seen of personal columns in the columns that a query gives, followed as Spark resolves names.

Which columns are personal, and what follows for a table, is not here.
"""
