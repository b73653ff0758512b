"""The checks of `nunchi preflight`, a function each: what AWS would refuse. They only read."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from config.names import STACKS
from config.nunchi_toml import ROOT
from ops.aws import deployed_stack
from ops.doctor.examination import CheckFailed, Deployment, Result, attention, ill, well
from ops.preflight.names_left import names_left
from ops.preflight.types import Quota, machines_at_once, machines_running, quota_of

# What the CDK's templates and assets ask of `cdk bootstrap`; their own rule checks for it, after an upload.
LEAST_BOOTSTRAP: Final = 6
BOOTSTRAP_PARAMETER: Final = "/cdk-bootstrap/hnb659fds/version"
_PLAN_REGION: Final = "us-east-1"  # the only one of the free tier's API
_FAILED: Final = ("_FAILED", "ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS")


def tools(_: Deployment) -> Result:
    """The CDK's command line: the version that package.json pins, which knows the library's templates."""
    pinned = json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"]
    command = shutil.which("cdk")
    path = f"make setup; export PATH={ROOT / 'node_modules' / '.bin'}:$PATH"
    if command is None:
        return ill("there is no cdk on the PATH", path)
    said = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60, check=False).stdout
    version = said.split()[0] if said.split() else "of no version"
    if version != pinned:
        return attention(f"{command} is {version}, and this checkout is tested with {pinned}", path)
    return well(f"cdk {version}")


def region_enabled(deployment: Deployment) -> Result:
    """Whether the account may use the region: some must be opted into."""
    region = deployment.config.region
    [found] = deployment.client("ec2").describe_regions(RegionNames=[region], AllRegions=True)["Regions"]
    if found["OptInStatus"] == "not-opted-in":
        return ill(f"this account has not enabled {region}", f"aws account enable-region --region-name {region}")
    return well(region)


def bootstrap(deployment: Deployment) -> Result:
    """Whether `cdk bootstrap` ran here, and its version."""
    account = deployment.client("sts").get_caller_identity()["Account"]
    command = f"cdk bootstrap aws://{account}/{deployment.config.region}"
    try:
        value = deployment.client("ssm").get_parameter(Name=BOOTSTRAP_PARAMETER)["Parameter"]["Value"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        return ill(f"{deployment.config.region} of this account is not bootstrapped", command)
    if int(value) < LEAST_BOOTSTRAP:
        return ill(f"the bootstrap's version is {value}, and {LEAST_BOOTSTRAP} is needed", command)
    return well(f"version {value}")


def stacks(deployment: Deployment) -> Result:
    """Whether a stack is in a state from which it can't be deployed."""
    states = _states(deployment)
    stuck = {name: state for name, state in states.items() if state and state.endswith(_FAILED)}
    if stuck:
        text = ", ".join(f"{name} {state}" for name, state in stuck.items())
        return ill(text, f"aws cloudformation describe-stack-events --stack-name {next(iter(stuck))}")
    deployed = [name for name, state in states.items() if state]
    return well(f"{', '.join(deployed)} deployed" if deployed else "none yet: this will be the first deployment")


def left(deployment: Deployment) -> Result:
    """Names left from a deployment before, on which this one would fail."""
    without = {name for name, state in _states(deployment).items() if state is None}
    account = deployment.client("sts").get_caller_identity()["Account"]
    found = list(names_left(deployment.client, without, account=account, region=deployment.config.region))
    if not found:
        return well("nothing that would stop a deployment")
    what = ", ".join(name for name, _ in found)
    return ill(f'the deployment would fail: "already exists": {what}', "; ".join(command for _, command in found))


def zones(deployment: Deployment) -> Result:
    """Whether the instances' zones offer their types."""
    config = deployment.config
    offered = {kind: _zones_of(deployment, kind) for kind in (config.inference.instance_type, config.training_type)}
    answer = deployment.client("ec2").describe_availability_zones(
        Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}, {"Name": "state", "Values": ["available"]}]
    )
    every = sorted(zone["ZoneName"] for zone in answer["AvailabilityZones"])
    used = list(config.zones) or every[:2]
    if unknown := [zone for zone in used if zone not in every]:
        return ill(f"{', '.join(unknown)} is no zone of this account", f"zones in nunchi.toml: {', '.join(every)}")
    needed = used[:1] if deployment.by_command else used
    kind = config.inference.instance_type
    if missing := [zone for zone in needed if zone not in offered[kind]]:
        if not offered[kind]:
            return ill(f"{config.region} has no {kind}", "another instance_type under [inference] in nunchi.toml")
        return ill(
            f"{', '.join(missing)} has no {kind}", f"zones = {json.dumps(sorted(offered[kind])[:2])} in nunchi.toml"
        )
    trains = config.training_type
    if not offered[trains].intersection(used):
        remedy = f"zones = {json.dumps(sorted(offered[trains] & offered[kind])[:2])} in nunchi.toml"
        return attention(
            f"{kind} in {', '.join(needed)}, but no {trains} in {', '.join(used)}: retrainings would fail",
            remedy if offered[trains] & offered[kind] else "another instance_type under [training]",
        )
    return well(f"{kind} in {', '.join(needed)}; {trains} in {', '.join(sorted(offered[trains].intersection(used)))}")


def plan(deployment: Deployment) -> Result:
    """Whether the account is on AWS's free plan, which refuses most types."""
    try:
        state = deployment.client("freetier").get_account_plan_state()
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":  # accounts from before July 2025
            return well("not the free plan")
        raise
    if state["accountPlanType"] != "FREE":
        return well("the paid plan")
    kind, trains = deployment.config.inference.instance_type, deployment.config.training_type
    eligible = {name: found["FreeTierEligible"] for name, found in _described(deployment, kind, trains).items()}
    upgrade = "aws freetier upgrade-account-plan --account-plan-type PAID --region us-east-1"
    if not eligible[kind]:
        return ill(
            f'the free plan refuses {kind}: "not eligible for Free Tier"',
            f'instance_type = "c7i-flex.large" under [inference] in nunchi.toml; or {upgrade}',
        )
    if eligible[trains]:
        return well(f"the free plan has {' and '.join(dict.fromkeys((kind, trains)))}")
    return attention(f"the free plan has {kind}, but refuses {trains}: retrainings would fail", upgrade)


def inference_quota(deployment: Deployment) -> Result:
    """Whether the account may run the inference instances, and one more while they are replaced."""
    kind = deployment.config.inference.instance_type
    quota = quota_of(kind)
    count = machines_at_once(deployment.config)
    needed = count * _vcpus(deployment, kind)
    allowed = _allowed(deployment, quota)
    text = f"{allowed:g} vCPUs of {quota.name}; {count} of {kind} need {needed}"
    return well(text) if allowed >= needed else ill(text, quota.request.format(needed))


def training_quota(deployment: Deployment) -> Result:
    """Whether the account may run a training machine: new accounts may run no GPU at all.

    One without a GPU counts against the quota of the instances that label, if they run meanwhile.
    """
    config = deployment.config
    kind, beside = config.training_type, config.inference.instance_type
    alone = _vcpus(deployment, kind)
    quotas = [quota_of(kind, spot=spot) for spot in ((True, False) if config.training.spot else (False,))]
    needed = dict.fromkeys(quotas, alone)
    text = f"a {kind} needs {alone}"
    if (shared := quota_of(beside)) in needed:
        labelling = machines_running(config) * _vcpus(deployment, beside)
        needed[shared] += labelling
        text += f", on demand beside {labelling} of the instances that label"
    allowed = {quota: _allowed(deployment, quota) for quota in quotas}
    text = "; ".join([*(f"{vcpus:g} vCPUs of {quota.name}" for quota, vcpus in allowed.items()), text])
    short = [quota for quota, vcpus in allowed.items() if vcpus < needed[quota]]
    if not short:
        return well(text)
    lost = "retrainings would fail" if len(short) == len(quotas) else "one of two ways to a retraining would fail"
    requests = "; ".join(quota.request.format(needed[quota]) for quota in short)
    return attention(f"{text}: {lost}. AWS takes days to answer a request", requests)


def budget(deployment: Deployment) -> Result:
    """Whether the account may have the budget. Only a creation would prove it; who may not read may hardly create."""
    if not deployment.config.alarms.budget_usd:
        return well("none: budget_usd is 0")
    account = deployment.client("sts").get_caller_identity()["Account"]
    try:
        deployment.client("budgets").describe_budgets(AccountId=account, MaxResults=1)
    except ClientError as error:
        if not error.response["Error"]["Code"].startswith("AccessDenied"):
            raise
        return attention(
            "these credentials may not read budgets, so NunchiBudget, the last stack, may fail; the others do not",
            "budget_usd = 0 under [alarms] in nunchi.toml, or access to billing for this identity",
        )
    return well(f"{deployment.config.alarms.budget_usd:g} USD a month can be asked for")


def _states(deployment: Deployment) -> dict[str, str | None]:
    """The state of each stack; None for one that is not deployed. A failed creation counts as not deployed."""
    states: dict[str, str | None] = {}
    for name in STACKS:
        stack = deployed_stack(deployment.client("cloudformation"), name)
        gone = stack is None or stack["StackStatus"] in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE", "REVIEW_IN_PROGRESS")
        states[name] = None if gone or stack is None else stack["StackStatus"]
    return states


def _zones_of(deployment: Deployment, kind: str) -> set[str]:
    offerings = deployment.listed(
        "ec2",
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": [kind]}],
    )
    return {offering["Location"] for offering in offerings}


def _described(deployment: Deployment, *kinds: str) -> Mapping[str, Mapping[str, Any]]:
    """EC2's description of each type; CheckFailed for one that the region lacks."""
    try:
        answer = deployment.client("ec2").describe_instance_types(InstanceTypes=sorted(set(kinds)))
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidInstanceType":
            raise
        raise CheckFailed(f"{deployment.config.region} lacks one of {', '.join(kinds)}") from error
    return {found["InstanceType"]: found for found in answer["InstanceTypes"]}


def _vcpus(deployment: Deployment, kind: str) -> int:
    count: int = _described(deployment, kind)[kind]["VCpuInfo"]["DefaultVCpus"]
    return count


def _allowed(deployment: Deployment, quota: Quota) -> float:
    """The quota's value, in virtual CPUs."""
    client = deployment.client("service-quotas")
    asked = {"ServiceCode": "ec2", "QuotaCode": quota.code}
    try:
        answer = client.get_service_quota(**asked)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchResourceException":  # nobody has changed it
            raise
        answer = client.get_aws_default_service_quota(**asked)
    return float(answer["Quota"]["Value"])
