"""Settings of properties whose examples hold many small worlds, as each costs some runs of Spark."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings


def few_or_many(examples: int) -> settings:
    """So many examples, however long they take. One that fails is not made smaller: that would take hours."""
    return settings(
        max_examples=examples,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
