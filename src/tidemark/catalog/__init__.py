"""The catalog: a static site of what tables are, where their columns come from, and how they have been.

Not here: what decides anything. It reads contracts, the control store, the books of runs and the logs of tables, and
writes nothing but its own folder. No value of a rejected row is in it, nor any text of a table's rows.
"""
