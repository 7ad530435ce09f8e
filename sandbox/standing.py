"""The sandbox in the foreground, for a container: up, with the services that are named, until it is told to end.

python -m sandbox.standing [--home DIR] [SERVICE …]
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
from pathlib import Path

from sandbox import lifecycle


def main() -> None:
    """Returns after SIGTERM or SIGINT, when everything is down."""
    parser = argparse.ArgumentParser(description="Brings the sandbox up, and down at the end.")
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("TIDEMARK_HOME", ".tidemark")))
    parser.add_argument("--days", type=int, default=30, help="days of the shop to begin with")
    parser.add_argument("services", nargs="*", metavar="SERVICE", help=f"of {', '.join(lifecycle.ALL)}; all if none")
    arguments = parser.parse_args()
    told_to_end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told_to_end.set())
    lifecycle.up(arguments.home, days=arguments.days, services=arguments.services or lifecycle.ALL)
    try:
        told_to_end.wait()
    finally:
        lifecycle.down(arguments.home)


if __name__ == "__main__":
    main()
