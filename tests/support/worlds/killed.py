"""`python -m tests.support.worlds.killed POINT ARGUMENTS…`: `tidemark ARGUMENTS…`, killed when it comes to POINT."""

from __future__ import annotations

import os
import signal
import sys

from cli.main import main
from tidemark import faults


def kill_at(wanted: str) -> None:
    """Ends this process without a chance to clean up, as a machine that loses its power does."""

    def observe(point: str) -> None:
        if point == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    faults.observed_by(observe)


if __name__ == "__main__":
    kill_at(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
