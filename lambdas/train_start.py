"""The second step of a retraining: a machine for it, on Spot where there is some, else on demand.

The machine is described by its launch template (infra/training/training_instance.py); this adds what it is for, as
tags. Whoever asks again for the same attempt gets the same machine: an answer that was lost costs no second one.

    there is room         the state, with the machine and how it is paid for
    there is none at all  CapacityUnavailable: the state machine tries again for a while
    anything else         the error itself: the retraining ends, and people are told
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from contracts.settings import load, setting
from contracts.weights import check_run_id

PATIENCE: Final = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
SPOT: Final = "spot"
ON_DEMAND: Final = "on-demand"
# Who asks for a machine of another kind, or elsewhere, may be lucky.
_NO_ROOM: Final = frozenset(
    {
        "InsufficientInstanceCapacity",
        "InsufficientHostCapacity",
        "MaxSpotInstanceCountExceeded",
        "SpotMaxPriceTooLow",
        "UnfulfillableCapacity",
        "Unsupported",  # this type is not sold in this zone
        "VcpuLimitExceeded",  # Spot and on demand have a limit each
        "InstanceLimitExceeded",
        # This account never had a Spot machine, and may not have its first.
        "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
        # What an earlier try under this token made is gone: only another token makes another machine.
        "IdempotentInstanceTerminated",
    }
)
_QUOTAS: Final = frozenset({"MaxSpotInstanceCountExceeded", "VcpuLimitExceeded", "InstanceLimitExceeded"})
ALIVE: Final = ("pending", "running")


class CapacityUnavailable(Exception):
    """AWS has no such machine to give at the moment, in any zone, on Spot or on demand."""


def _yes(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text} is neither true nor false")
    return text.lower() == "true"


@dataclass(frozen=True, kw_only=True)
class StartSettings:
    """What the function must know; `infra/` writes it."""

    launch_template: str = setting("NUNCHI_LAUNCH_TEMPLATE", "name of the launch template of training machines")
    spot: bool = setting("NUNCHI_SPOT", "whether to try Spot capacity first: true or false", parse=_yes)
    role_tag: str = setting("NUNCHI_ROLE_TAG", "tag by which subnets for training are found, as key=value")


@dataclass(frozen=True)
class Request:
    """One way to ask for the machine."""

    market: str
    subnet: str | None
    token: str


def requests(training: str, attempt: int, attempts: int, *, spot: bool, subnets: list[str]) -> Iterator[Request]:
    """The ways to ask, in their order: Spot in each subnet, then on demand. The last attempt is no gamble."""
    for market in (SPOT, ON_DEMAND) if spot and attempt < attempts else (ON_DEMAND,):
        for place, subnet in enumerate(subnets or [None]):
            yield Request(market, subnet, f"{training[:40]}-{attempt}-{market}-{place}")


class Start:
    """The handler."""

    def __init__(self, *, ec2: Any, settings: StartSettings) -> None:
        self._ec2 = ec2
        self._settings = settings

    def __call__(self, state: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """The state, with `instance`, its `market`, and no command yet."""
        training, attempt = check_run_id(state["training"]), int(state["attempt"])
        found = self._of_attempt(training, attempt)
        if found is None:
            found = self._launch(training, attempt, state)
        return {**state, "instance": found[0], "market": found[1], "started_at": None, "command": None}

    def _of_attempt(self, training: str, attempt: int) -> tuple[str, str] | None:
        """The machine that this attempt has already, if it lives."""
        answer = self._ec2.describe_instances(
            Filters=[
                {"Name": "tag:nunchi:training", "Values": [training]},
                {"Name": "tag:nunchi:attempt", "Values": [str(attempt)]},
                {"Name": "instance-state-name", "Values": list(ALIVE)},
            ]
        )
        for reservation in answer["Reservations"]:
            for one in reservation["Instances"]:
                return one["InstanceId"], one.get("InstanceLifecycle", ON_DEMAND)
        return None

    def _launch(self, training: str, attempt: int, state: Mapping[str, Any]) -> tuple[str, str]:
        full: dict[str, str] = {}
        role, _, name = self._settings.role_tag.partition("=")
        tags = {
            # The template's as well; but without it nobody may command the machine, nor end it.
            role: name,
            "nunchi:training": training,
            "nunchi:attempt": str(attempt),
            "nunchi:execution": state["execution"],
        }
        for one in requests(
            training, attempt, int(state["attempts"]), spot=self._settings.spot, subnets=self._subnets()
        ):
            try:
                answer = self._ec2.run_instances(**self._asking(one, tags))
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code not in _NO_ROOM:
                    raise
                full[f"{one.market} in {one.subnet or 'the default subnet'}"] = code
            else:
                return answer["Instances"][0]["InstanceId"], one.market
        told = "; ".join(f"{where}: {code}" for where, code in full.items())
        if _QUOTAS & set(full.values()):
            told += ". This account's own quota is used up, or was never granted: ask for more in Service Quotas, EC2"
        raise CapacityUnavailable(f"no machine was started, AWS has none to give now: {told}")

    def _asking(self, one: Request, tags: Mapping[str, str]) -> dict[str, Any]:
        asked: dict[str, Any] = {
            # CloudFormation adds versions, and leaves the default where it was: at the first.
            "LaunchTemplate": {"LaunchTemplateName": self._settings.launch_template, "Version": "$Latest"},
            "MinCount": 1,
            "MaxCount": 1,
            "ClientToken": one.token,
            "TagSpecifications": [
                {
                    "ResourceType": "instance",
                    "Tags": [{"Key": name, "Value": value} for name, value in tags.items()],
                }
            ],
        }
        if one.subnet is not None:
            asked["SubnetId"] = one.subnet
        if one.market == SPOT:
            # Its price is at most that on demand. It is asked for once: the next attempt is the state machine's.
            asked["InstanceMarketOptions"] = {
                "MarketType": "spot",
                "SpotOptions": {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"},
            }
        return asked

    def _subnets(self) -> list[str]:
        """Where training machines may be; none that is ours on the local cloud, which has but its default."""
        key, _, value = self._settings.role_tag.partition("=")
        answer = self._ec2.describe_subnets(Filters=[{"Name": f"tag:{key}", "Values": [value]}])
        return sorted(one["SubnetId"] for one in answer["Subnets"])


def wire(environ: Mapping[str, str]) -> Start:
    """The one place that chooses real I/O."""
    settings = load(StartSettings, environ)
    return Start(ec2=botocore.session.get_session().create_client("ec2", config=PATIENCE), settings=settings)


def __getattr__(name: str) -> Any:
    # As in dispatch.py: made on being asked for, so that importing this file has no effect.
    if name == "handler":
        return wire(os.environ)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
