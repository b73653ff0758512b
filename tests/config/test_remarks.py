"""What `config check` remarks about a valid file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.nunchi_toml import load
from config.remarks import remarks

AT = datetime(2026, 11, 22, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", []),
        ('windows = ["00:00-24:00"]', []),
        ('windows = ["08:00-12:00", "13:00-20:00"]', []),
        (
            'windows = ["08:00-12:00", "11:00-20:00"]',
            ["monday to sunday: the windows 08:00-12:00 and 11:00-20:00 overlap, so they are one opening"],
        ),
        (
            'windows = ["08:00-12:00", "12:00-20:00"]',
            ["monday to sunday: the windows 08:00-12:00 and 12:00-20:00 touch, so they are one opening"],
        ),
        (
            'windows = ["08:00-12:00", "12:10-20:00"]',
            [
                (
                    "the instance runs through pauses of 10 minutes: a start and a stop take 15, boot_lead_minutes and "
                    "linger_minutes together"
                )
            ],
        ),
        ('closed_dates = ["2026-11-21"]', ["closed_dates: 2026-11-21 has passed; remove it"]),
        ('closed_dates = ["2026-12-25", "2026-12-25"]', ["closed_dates: 2026-12-25 is there 2 times"]),
        (
            'closed_dates = ["2026-11-29"]\n[hours.days]\nsunday = []',
            ["closed_dates: 2026-11-29 is a Sunday, on which the shop is closed in every week"],
        ),
        (
            'windows = ["00:00-24:00"]\nclosed_dates = ["2026-12-25"]',
            [
                (
                    "closed_dates: the instance runs on 2026-12-25 all the same: between that date's opening and one "
                    "on another date it does not stop in an ordinary week"
                )
            ],
        ),
        (
            'zone = "Europe/Berlin"\nwindows = ["03:00-12:00"]',
            ["on 2027-03-28 the clock skips 02:50: the instance starts at 03:00, up to 10 minutes late"],
        ),
        ("boot_lead_minutes = 5", []),
        ('boot_lead_minutes = 2\nwindows = ["00:00-24:00"]', []),
        (
            "boot_lead_minutes = 4",
            [
                (
                    "boot_lead_minutes: 4 may be too few, and the day's first customers then get no label: agents of "
                    "Run Command were seen to register more than two minutes after a start, and on a new machine to "
                    "hold commands back for another; write 5 or more"
                )
            ],
        ),
        (
            'zone = "Etc/GMT+9"',
            ["hours.zone: Etc/GMT+9 is UTC-0900, with the opposite sign; a zone with a place is safer"],
        ),
    ],
)
def test_what_may_not_be_meant_is_remarked(text: str, said: list[str], tmp_path: Path) -> None:
    file = tmp_path / "nunchi.toml"
    file.write_text(f"[hours]\n{text}")
    assert remarks(load(file), at=AT) == said


def test_in_mode_queue_a_short_lead_is_remarked_for_the_boot(tmp_path: Path) -> None:
    file = tmp_path / "nunchi.toml"
    file.write_text('mode = "queue"\n[hours]\nboot_lead_minutes = 3')
    [remark] = remarks(load(file), at=AT)
    assert remark == (
        "boot_lead_minutes: 3 may be too few, and the day's first customers then get no label: a new instance needs "
        "some three and a half minutes to boot; write 5 or more"
    )


def test_a_gpu_that_no_training_uses_is_remarked(tmp_path: Path) -> None:
    """As in a file from before, which names the kiosk's type."""
    file = tmp_path / "nunchi.toml"
    file.write_text('recipe = "mask"\n[training]\ninstance_type = "g4dn.xlarge"')
    [remark] = remarks(load(file), at=AT)
    assert remark == (
        "training.instance_type: a retraining of the recipe mask teaches heads, which use no GPU, and g4dn.xlarge has "
        "one; empty, the type is m7i-flex.large"
    )
    file.write_text('recipe = "mask"\n[training]\ninstance_type = "m7i.large"')
    assert remarks(load(file), at=AT) == []
