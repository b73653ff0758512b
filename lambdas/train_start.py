"""The second step of a retraining: start its machine, on Spot if capacity is available, else on demand.

The launch template (infra/training/training_instance.py) describes the machine; this step adds tags for the training.
It is idempotent: a repeated request for the same attempt returns the same machine.

    capacity is available    the state, with the machine and its market
    no capacity              CapacityUnavailable: the state machine tries again for a while
    the account may not      AccountRefused: the retraining ends, because only its owner can change that
    any other error          the error itself: the retraining ends, and people are notified
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from contracts.aws.ec2 import ALIVE, by_tag, tagged
from contracts.aws.errors import error_code
from contracts.aws.lambda_wiring import handler_on_first_use
from contracts.settings import load, setting
from contracts.weights import check_run_id

PATIENCE: Final = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
SPOT: Final = "spot"
ON_DEMAND: Final = "on-demand"
# Another market or another zone may have capacity.
_NO_CAPACITY: Final = frozenset(
    {
        "InsufficientInstanceCapacity",
        "InsufficientHostCapacity",
        "MaxSpotInstanceCountExceeded",
        "SpotMaxPriceTooLow",
        "UnfulfillableCapacity",
        "Unsupported",  # this type is not sold in this zone
        "VcpuLimitExceeded",  # Spot and on demand have a limit each
        "InstanceLimitExceeded",
        # The account has no service-linked role for Spot, and may not create it.
        "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
        # The machine of an earlier try under this token is gone: only another token starts another machine.
        "IdempotentInstanceTerminated",
    }
)
_QUOTA: Final = (
    "a quota of this account is used up, or was never granted (that of a new account for GPUs is 0): request more in "
    "Service Quotas, EC2; nunchi preflight has the command"
)
_FREE_PLAN: Final = "not eligible for Free Tier"
# What no waiting mends: the answer, and what its owner does about it.
_REFUSALS: Final[Mapping[str, str]] = {
    "MaxSpotInstanceCountExceeded": _QUOTA,
    "VcpuLimitExceeded": _QUOTA,
    "InstanceLimitExceeded": _QUOTA,
    "PendingVerification": "AWS still verifies this new account for the region, which takes up to four hours: train "
    "again after its mail (nunchi train)",
    _FREE_PLAN: "the account is on AWS's free plan, which has no such machine: upgrade the plan, or name another "
    "instance_type under [training]",
}


class CapacityUnavailable(Exception):
    """AWS has no capacity for such a machine at the moment, in any zone, on Spot or on demand."""


class AccountRefused(Exception):
    """AWS starts no such machine for this account, in any zone, on Spot or on demand, until its owner acts."""


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text} is neither true nor false")
    return text.lower() == "true"


@dataclass(frozen=True, kw_only=True)
class StartSettings:
    """The function's settings; `infra/` writes them."""

    launch_template: str = setting("NUNCHI_LAUNCH_TEMPLATE", "name of the launch template of training machines")
    spot: bool = setting("NUNCHI_SPOT", "whether to try Spot capacity first: true or false", parse=_boolean)
    role_tag: str = setting("NUNCHI_ROLE_TAG", "tag by which subnets for training are found, as key=value")


@dataclass(frozen=True)
class Request:
    """One request for the machine: on a market, in a subnet, with an idempotency token."""

    market: str
    subnet: str | None
    token: str


def requests(training: str, attempt: int, attempts: int, *, spot: bool, subnets: list[str]) -> Iterator[Request]:
    """The requests in order: Spot in each subnet, then on demand. The last attempt is on demand only."""
    for market in (SPOT, ON_DEMAND) if spot and attempt < attempts else (ON_DEMAND,):
        for place, subnet in enumerate(subnets or [None]):
            yield Request(market, subnet, f"{training[:40]}-{attempt}-{market}-{place}")


@dataclass(frozen=True, kw_only=True)
class Start:
    """The handler."""

    ec2: Any
    settings: StartSettings

    def __call__(self, state: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """The state, with `instance`, its `market`, and no command yet."""
        training, attempt = check_run_id(state["training"]), int(state["attempt"])
        instance, market = self._of_attempt(training, attempt) or self._launch(training, attempt, state)
        return {**state, "instance": instance, "market": market, "started_at": None, "command": None}

    def _of_attempt(self, training: str, attempt: int) -> tuple[str, str] | None:
        """The id and market of the machine that this attempt started already, if it is alive."""
        found = tagged(self.ec2, f"nunchi:training={training}", f"nunchi:attempt={attempt}", states=ALIVE)
        return next(((one["InstanceId"], one.get("InstanceLifecycle", ON_DEMAND)) for one in found), None)

    def _launch(self, training: str, attempt: int, state: Mapping[str, Any]) -> tuple[str, str]:
        full: dict[str, str] = {}
        role, _, name = self.settings.role_tag.partition("=")
        tags = {
            # In the template as well. Without it the machine can be neither commanded nor terminated.
            role: name,
            "nunchi:training": training,
            "nunchi:attempt": str(attempt),
            "nunchi:execution": state["execution"],
        }
        for request in requests(
            training, attempt, int(state["attempts"]), spot=self.settings.spot, subnets=self._subnets()
        ):
            try:
                answer = self.ec2.run_instances(**self._parameters(request, tags))
            except ClientError as error:
                code = _FREE_PLAN if _FREE_PLAN in str(error) else error_code(error)
                if code not in _NO_CAPACITY and code not in _REFUSALS:
                    raise
                full[f"{request.market} in {request.subnet or 'the default subnet'}"] = code
            else:
                return answer["Instances"][0]["InstanceId"], request.market
        tried = "; ".join(f"{where}: {code}" for where, code in full.items())
        refusals = "; ".join(dict.fromkeys(_REFUSALS[code] for code in full.values() if code in _REFUSALS))
        if set(full.values()) <= set(_REFUSALS):
            raise AccountRefused(f"no machine was started, AWS refuses this account: {tried}. Remedy: {refusals}")
        remedy = f". Remedy: {refusals}" if refusals else ""
        raise CapacityUnavailable(f"no machine was started, AWS has no capacity now: {tried}{remedy}")

    def _parameters(self, request: Request, tags: Mapping[str, str]) -> dict[str, Any]:
        tag_list = [{"Key": name, "Value": value} for name, value in tags.items()]
        parameters: dict[str, Any] = {
            # CloudFormation adds versions, and leaves the default at the first.
            "LaunchTemplate": {"LaunchTemplateName": self.settings.launch_template, "Version": "$Latest"},
            "MinCount": 1,
            "MaxCount": 1,
            "ClientToken": request.token,
            "TagSpecifications": [{"ResourceType": "instance", "Tags": tag_list}],
        }
        if request.subnet is not None:
            parameters["SubnetId"] = request.subnet
        if request.market == SPOT:
            # Its price is at most that on demand. One-time: the state machine starts the next attempt.
            parameters["InstanceMarketOptions"] = {
                "MarketType": "spot",
                "SpotOptions": {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"},
            }
        return parameters

    def _subnets(self) -> list[str]:
        """The subnets of training machines; none on the local cloud, which has only its default."""
        answer = self.ec2.describe_subnets(Filters=[by_tag(self.settings.role_tag)])
        return sorted(subnet["SubnetId"] for subnet in answer["Subnets"])


def wire(environ: Mapping[str, str]) -> Start:
    """The one place that chooses real I/O."""
    settings = load(StartSettings, environ)
    return Start(ec2=botocore.session.get_session().create_client("ec2", config=PATIENCE), settings=settings)


__getattr__ = handler_on_first_use(__name__, wire)
