"""How every property is tried: one profile, that of tests/conftest.py."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import HealthCheck, settings

HERE = Path(__file__)


def test_every_property_is_tried_with_the_same_examples_however_slow_the_machine_is() -> None:
    loaded = settings()
    assert (
        settings.get_current_profile_name(),
        loaded.deadline,
        loaded.suppress_health_check,
        loaded.derandomize,
        loaded.database,
        loaded.print_blob,
    ) == ("nunchi", None, (HealthCheck.too_slow,), True, None, True)


def test_no_test_replaces_what_the_profile_says() -> None:
    """A test's own list of health checks would bring back the one of speed; how many examples it takes is its own."""
    replaced = re.compile(r"\b(deadline|suppress_health_check|derandomize|database|print_blob)=")
    texts = {path: path.read_text() for path in HERE.parent.rglob("test_*.py") if path != HERE}
    used = [text for text in texts.values() if re.search(r"^from hypothesis import .*\bsettings\b", text, re.MULTILINE)]
    assert used
    assert [match.group() for text in used for match in replaced.finditer(text)] == []
