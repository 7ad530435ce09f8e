"""The outside world in small: one module per stand-in, each started as `python -m sandbox.services.<name>`."""
