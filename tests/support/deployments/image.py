"""The image in tests: built by buildah, and its containers, run by podman on this machine's network."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

TAG = "localhost/tidemark:test"
HOME = "/home/tidemark/.tidemark"
_BUILD = Path(__file__).with_name("build_image")
# The kernel's own limits may be lower than those that podman would ask for.
_LIMITS = ("--ulimit", "nofile=16384:16384", "--ulimit", "nproc=16384:16384")


@dataclass(frozen=True)
class Image:
    """A built image. Its containers carry a label, by which what is left of them is ended."""

    tag: str
    label: str = field(default_factory=lambda: f"tidemark-test={uuid.uuid4().hex}")

    def container(self, env: Mapping[str, str] | None = None, volumes: Mapping[Path, str] | None = None) -> list[str]:
        """The words that run a command in a new container; `volumes` are folders by their places in there."""
        variables = [part for name, value in (env or {}).items() for part in ("--env", f"{name}={value}")]
        mounts = [part for here, there in (volumes or {}).items() for part in ("--volume", f"{here}:{there}")]
        run = ["podman", "--runtime", "runc", "run", "--rm", "--network", "host", "--no-healthcheck"]
        return [*run, *_LIMITS, "--label", self.label, *variables, *mounts, self.tag]

    def run(
        self,
        *command: str,
        env: Mapping[str, str] | None = None,
        volumes: Mapping[Path, str] | None = None,
        seconds: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """What a command in a new container answered."""
        words = [*self.container(env, volumes), *command]
        return subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)


@contextmanager
def built(tag: str = TAG, *options: str) -> Iterator[Image]:
    """The image of this checkout; it stays, so that the next build finds its layers, its containers do not.

    `options` are buildah's.
    """
    answer = subprocess.run([_BUILD, tag, *options], capture_output=True, text=True, timeout=1800, check=False)
    assert answer.returncode == 0, answer.stdout[-2000:] + answer.stderr[-4000:]
    image = Image(tag)
    try:
        yield image
    finally:
        listed = ["podman", "ps", "--all", "--quiet", "--filter", f"label={image.label}"]
        left = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
        if left:
            subprocess.run(["podman", "rm", "--force", *left], capture_output=True, check=True)
