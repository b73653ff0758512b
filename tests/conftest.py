"""Fixtures of every test, and the Hypothesis profile of every property test."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# The same profile here and in CI, close to Hypothesis's own for CI. No deadline and no health check of speed: a slow
# machine is no failure. Deterministic examples: a commit passes or fails alike on every machine, and a change does not
# fail on an example drawn by chance. So no database keeps failing examples. New examples: pytest
# --hypothesis-profile=default.
settings.register_profile(
    "nunchi",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    database=None,
    print_blob=True,
)
settings.load_profile("nunchi")


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the programs do."""
    return "asyncio"
