"""EC2 types of a deployment: how many virtual CPUs each needs, and which quotas of the account allow them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from config.mode import Mode
from config.nunchi_toml import Config

# Virtual CPUs that an account may run at once, a quota for each family, on demand and on Spot.
# Source: "Amazon EC2 instance type quotas" of the EC2 user guide, and Service Quotas' list for `ec2`.
_STANDARD: Final = ("L-1216C47A", "L-34B43A08")
_FAMILIES: Final = {
    "G and VT": ("L-DB2E81BA", "L-3819A6DF"),
    "P": ("L-417A185B", "L-7212CCBC"),
    "standard": _STANDARD,
}
# Refills and refreshes of a group may exceed its size by a tenth.
_REFRESH: Final = 1.1


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota of Service Quotas, in virtual CPUs."""

    code: str
    name: str

    @property
    def request(self) -> str:
        """The command that asks for a quota of so many; `{}` stands for their number."""
        return (
            "aws service-quotas request-service-quota-increase --service-code ec2 "
            f"--quota-code {self.code} --desired-value {{}}"
        )


def quota_of(instance_type: str, *, spot: bool = False) -> Quota:
    """The quota that a type counts against."""
    family = _family(instance_type)
    code = _FAMILIES[family][int(spot)]
    return Quota(code, f"{family} instances {'on Spot' if spot else 'on demand'}")


def machines_at_once(config: Config) -> int:
    """Inference instances that may run at once: a replacement starts before the one that it replaces ends."""
    if config.mode is Mode.COMMAND:
        return 2
    return math.ceil(_REFRESH * (config.queue.most + config.queue.warm_pool))


def machines_running(config: Config) -> int:
    """Inference instances that may run beside a retraining, at most, but for replacements."""
    return 1 if config.mode is Mode.COMMAND else config.queue.most


def _family(instance_type: str) -> str:
    """The family by the first letters of the type: of `g4dn.xlarge` it is G and VT."""
    letters = instance_type.partition(".")[0].rstrip("0123456789")
    first = letters[:1] if letters[:2] != "vt" else "vt"
    return {"g": "G and VT", "vt": "G and VT", "p": "P"}.get(first, "standard")
