"""The keys of the table of orders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidName
from contracts.names import KIOSK_PATTERN
from recipes.kiosk.labels import Label
from recipes.kiosk.orders import CountKey, marker_partition

ORDER = "01jd8v2k5e9m3x7q4r6t0w1y2z"


@given(
    st.from_regex(KIOSK_PATTERN, fullmatch=True),
    st.sampled_from([*Label, None]),
    st.integers(0, 23),
)
def test_the_key_of_a_count_is_read_as_it_was_written_and_begins_with_its_kiosk(
    kiosk: str, label: Label | None, hour: int
) -> None:
    """IAM lets a kiosk write keys that begin with its name and '#', which no name has."""
    key = CountKey(kiosk, label, hour, "2026-11")
    assert key.partition.startswith(f"{kiosk}#")
    assert CountKey.parse(key.partition, "2026-11") == key


def test_a_marker_is_no_count() -> None:
    assert marker_partition("lobby", ORDER) == f"lobby#order#{ORDER}"
    assert CountKey.parse(marker_partition("lobby", ORDER), "order") is None


@pytest.mark.parametrize(
    "partition", ["lobby", "lobby#child#12", "lobby#none#24", "lobby#none#7", "Lobby#none#07", "#"]
)
def test_any_other_key_is_invalid(partition: str) -> None:
    with pytest.raises(InvalidName, match="is not the key of a count"):
        CountKey.parse(partition, "2026-11")
