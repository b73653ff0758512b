"""For how many days photos, and what is known of them, are kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from contracts.errors import SettingsError


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """Days from writing to expiry: of uploads, of their results, of photos that a person is to review."""

    upload_days: int
    result_days: int
    review_days: int

    def __post_init__(self) -> None:
        for name, days in asdict(self).items():
            if days < 1:
                raise SettingsError(f"{name} is {days}; S3 counts expiry in whole days, from 1")
        if self.result_days <= self.upload_days:
            raise SettingsError(
                f"results of {self.result_days} days must outlive uploads of {self.upload_days} days: the sweep takes "
                "an upload without a result for a forgotten one, and would label it again; raise result_days"
            )
