"""Contract and load files for what is there: a source's table or file, or a query, looked at; a project to begin with.

Not here: what the files mean, which is the configuration's, and reading a source whole.
"""
