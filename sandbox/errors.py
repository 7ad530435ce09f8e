"""What goes wrong with the sandbox itself."""

from __future__ import annotations

from tidemark.errors import TidemarkError


class SandboxError(TidemarkError):
    """The local world could not be brought up, moved on or taken down."""
