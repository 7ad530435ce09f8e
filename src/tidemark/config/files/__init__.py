"""How configuration is read and written: folders, YAML, and files that become models.

Not here: what the files say.
"""
