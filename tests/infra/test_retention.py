"""How long photos and what is known of them are kept."""

from __future__ import annotations

import pytest

from contracts.errors import SettingsError
from infra.retention import Retention


@pytest.mark.parametrize(("upload_days", "result_days"), [(7, 7), (30, 7)])
def test_results_that_would_leave_before_their_uploads_are_refused(upload_days: int, result_days: int) -> None:
    """The sweep takes an upload without a result for one that was forgotten, and would label it again."""
    with pytest.raises(SettingsError, match=f"results of {result_days} days must outlive uploads of {upload_days}"):
        Retention(upload_days=upload_days, result_days=result_days, review_days=90)


@pytest.mark.parametrize("name", ["upload_days", "result_days", "review_days"])
def test_nothing_is_kept_for_less_than_a_day(name: str) -> None:
    """S3 counts in whole days, and refuses none at deployment only."""
    days = {"upload_days": 7, "result_days": 90, "review_days": 90} | {name: 0}
    with pytest.raises(SettingsError, match=f"{name} is 0"):
        Retention(**days)
