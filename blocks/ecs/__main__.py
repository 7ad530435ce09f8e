"""Prints the template of ECS jobs as JSON."""

from __future__ import annotations

import json
import sys

from blocks.ecs import base_job_template

if __name__ == "__main__":
    sys.stdout.write(f"{json.dumps(base_job_template(), indent=2)}\n")
