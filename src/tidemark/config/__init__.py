"""What files say: environments, contracts, load files, the project and its graph. No Spark.

Not here: what a contract is compiled into, and what `validate` finds beyond the form of a file.
"""
