"""Every property test uses one Hypothesis profile, that of tests/conftest.py."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import HealthCheck, settings

HERE = Path(__file__)


def test_property_tests_are_deterministic_and_have_no_deadline() -> None:
    loaded = settings()
    assert (
        settings.get_current_profile_name(),
        loaded.deadline,
        loaded.suppress_health_check,
        loaded.derandomize,
        loaded.database,
        loaded.print_blob,
    ) == ("nunchi", None, (HealthCheck.too_slow,), True, None, True)


def test_no_test_overrides_the_profile() -> None:
    """A test's own list of health checks would enable the one of speed; only max_examples may differ by test."""
    overrides = re.compile(r"\b(deadline|suppress_health_check|derandomize|database|print_blob)=")
    texts = {path: path.read_text() for path in HERE.parent.rglob("test_*.py") if path != HERE}
    with_settings = [
        text for text in texts.values() if re.search(r"^from hypothesis import .*\bsettings\b", text, re.MULTILINE)
    ]
    assert with_settings
    assert [match.group() for text in with_settings for match in overrides.finditer(text)] == []
