"""What reaches AWS: settings, clients, secrets, and folders of small text files on disk or S3.

Not here: what Spark does on S3 by itself, and the control store.
"""
