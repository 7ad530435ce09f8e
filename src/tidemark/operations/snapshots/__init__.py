"""Snapshots: releases with all that is needed to read and to continue them, in another place, and back from there."""

__all__: list[str] = []
