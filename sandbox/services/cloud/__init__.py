"""Stand-ins for AWS, and what the emulator lacks.

Not here: the systems that Tidemark reads.
"""
