"""The lake in the catalog of AWS: released tables in Glue, tags of Lake Formation by contracts, who may read what.

Not here: the site for people to read (`catalog`), and what a run may do itself (Terraform).
"""
