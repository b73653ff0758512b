"""What AWS would refuse is said before a deployment, each with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from config import names
from config.mode import Mode
from config.nunchi_toml import Config
from config.sections import AlarmSettings, QueueSettings, TrainingSettings
from infra.compute.schedules import SCHEDULE_GROUP
from ops.doctor.examination import Check, Deployment, State, attention, examine, ill
from ops.preflight import checks
from ops.preflight.types import machines_at_once, quota_of
from tests.ops.doctor.deployments import Answer, Aws, refused, stack

ZONES = [f"ap-northeast-2{letter}" for letter in "abcd"]
VCPUS = {"c7i.large": 2, "g4dn.xlarge": 4, "t3.small": 2, "m7i-flex.large": 2, "c7i-flex.large": 2}
FREE = {"t3.small", "m7i-flex.large", "c7i-flex.large"}
HEADS = Config(recipe="mask")
ABSENT = {
    "get_schedule_group": "ResourceNotFoundException",
    "describe_document": "InvalidDocument",
    "describe_launch_templates": "InvalidLaunchTemplateName.NotFoundException",
    "describe_role_alias": "ResourceNotFoundException",
    "describe_state_machine": "StateMachineDoesNotExist",
}
MACHINE = "arn:aws:states:ap-northeast-2:111122223333:stateMachine:nunchi-training"
QUOTA = "aws service-quotas request-service-quota-increase --service-code ec2 --quota-code"


def offers(**kinds: list[str]) -> Answer:
    """By type, with `_` for its dot and dash: the zones."""

    def answer(LocationType: str, Filters: list[dict[str, Any]]) -> dict[str, Any]:
        assert LocationType == "availability-zone"
        [kind] = Filters[0]["Values"]
        name = kind.replace(".", "_").replace("-", "_")
        return {"InstanceTypeOfferings": [{"Location": zone} for zone in kinds.get(name, ZONES)]}

    return answer


def types(InstanceTypes: list[str]) -> dict[str, Any]:
    return {
        "InstanceTypes": [
            {"InstanceType": kind, "VCpuInfo": {"DefaultVCpus": VCPUS[kind]}, "FreeTierEligible": kind in FREE}
            for kind in InstanceTypes
        ]
    }


def quotas(**vcpus: float) -> Answer:
    """By code, with `_` for its dash; 32 for the others."""

    def answer(ServiceCode: str, QuotaCode: str) -> dict[str, Any]:
        assert ServiceCode == "ec2"
        return {"Quota": {"Value": vcpus.get(QuotaCode.replace("-", "_"), 32.0)}}

    return answer


def parameters(**values: str) -> Answer:
    def answer(Name: str) -> dict[str, Any]:
        if Name == checks.BOOTSTRAP_PARAMETER and "bootstrap" in values:
            return {"Parameter": {"Value": values["bootstrap"]}}
        raise refused("GetParameter", "ParameterNotFound", Name)

    return answer


NOTHING_DEPLOYED = refused("DescribeStacks", "ValidationError", "Stack does not exist")


def account(changed: Mapping[str, Answer] | None = None, config: Config | None = None) -> Deployment:
    """An account that may have everything, and has nothing yet, but for what a test says."""
    answers: dict[str, Answer] = {
        "describe_stacks": NOTHING_DEPLOYED,
        "describe_regions": {"Regions": [{"OptInStatus": "opt-in-not-required"}]},
        "get_parameter": parameters(bootstrap="30"),
        "describe_log_groups": {"logGroups": []},
        "describe_availability_zones": {"AvailabilityZones": [{"ZoneName": zone} for zone in ZONES]},
        "describe_instance_type_offerings": offers(),
        "describe_instance_types": types,
        "get_service_quota": quotas(),
        "get_account_plan_state": {"accountPlanType": "PAID"},
        "describe_budgets": {},
        **{operation: refused(operation, code, "not there") for operation, code in ABSENT.items()},
    }
    return Deployment(Aws(**answers | dict(changed or {})), config=config or Config())


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (checks.region_enabled, "ap-northeast-2"),
        (checks.bootstrap, "version 30"),
        (checks.stacks, "none yet: this will be the first deployment"),
        (checks.left, "nothing that would stop a deployment"),
        (checks.plan, "the paid plan"),
        (checks.zones, "c7i.large in ap-northeast-2a; g4dn.xlarge in ap-northeast-2a, ap-northeast-2b"),
        (checks.inference_quota, "32 vCPUs of standard instances on demand; 2 of c7i.large need 4"),
        (
            checks.training_quota,
            "32 vCPUs of G and VT instances on Spot; 32 vCPUs of G and VT instances on demand; a g4dn.xlarge needs 4",
        ),
        (checks.budget, "100 USD a month can be asked for"),
    ],
)
def test_what_aws_allows_is_said_in_a_line(check: Check, text: str) -> None:
    found = check(account())
    assert (found.state, found.text, found.remedy) == (State.WELL, text, "")


@pytest.mark.parametrize(
    ("check", "changed", "expected"),
    [
        (
            checks.region_enabled,
            {"describe_regions": {"Regions": [{"OptInStatus": "not-opted-in"}]}},
            ill(
                "this account has not enabled ap-northeast-2",
                "aws account enable-region --region-name ap-northeast-2",
            ),
        ),
        (
            checks.bootstrap,
            {"get_parameter": parameters()},
            ill(
                "ap-northeast-2 of this account is not bootstrapped",
                "cdk bootstrap aws://111122223333/ap-northeast-2",
            ),
        ),
        (
            checks.bootstrap,
            {"get_parameter": parameters(bootstrap="4")},
            ill("the bootstrap's version is 4, and 6 is needed", "cdk bootstrap aws://111122223333/ap-northeast-2"),
        ),
        (
            checks.stacks,
            {"describe_stacks": lambda StackName: stack(StackName, "UPDATE_ROLLBACK_FAILED")},
            ill(
                "NunchiPipeline UPDATE_ROLLBACK_FAILED, NunchiTraining UPDATE_ROLLBACK_FAILED, "
                "NunchiCompute UPDATE_ROLLBACK_FAILED, NunchiHealth UPDATE_ROLLBACK_FAILED",
                "aws cloudformation describe-stack-events --stack-name NunchiPipeline",
            ),
        ),
        (
            checks.plan,
            {"get_account_plan_state": {"accountPlanType": "FREE"}},
            ill(
                'the free plan refuses c7i.large: "not eligible for Free Tier"',
                'instance_type = "c7i-flex.large" under [inference] in nunchi.toml; or '
                "aws freetier upgrade-account-plan --account-plan-type PAID --region us-east-1",
            ),
        ),
        (
            checks.zones,
            {"describe_instance_type_offerings": offers(c7i_large=ZONES[2:])},
            ill(
                "ap-northeast-2a has no c7i.large",
                'zones = ["ap-northeast-2c", "ap-northeast-2d"] in nunchi.toml',
            ),
        ),
        (
            checks.zones,
            {"describe_instance_type_offerings": offers(c7i_large=[])},
            ill("ap-northeast-2 has no c7i.large", "another instance_type under [inference] in nunchi.toml"),
        ),
        (
            checks.zones,
            {"describe_instance_type_offerings": offers(g4dn_xlarge=ZONES[2:])},
            attention(
                "c7i.large in ap-northeast-2a, but no g4dn.xlarge in ap-northeast-2a, ap-northeast-2b: retrainings "
                "would fail",
                'zones = ["ap-northeast-2c", "ap-northeast-2d"] in nunchi.toml',
            ),
        ),
        (
            checks.inference_quota,
            {"get_service_quota": quotas(L_1216C47A=1)},
            ill(
                "1 vCPUs of standard instances on demand; 2 of c7i.large need 4",
                f"{QUOTA} L-1216C47A --desired-value 4",
            ),
        ),
        (
            checks.training_quota,
            {"get_service_quota": quotas(L_DB2E81BA=0, L_3819A6DF=0)},
            attention(
                "0 vCPUs of G and VT instances on Spot; 0 vCPUs of G and VT instances on demand; a g4dn.xlarge needs "
                "4: retrainings would fail. AWS takes days to answer a request",
                f"{QUOTA} L-3819A6DF --desired-value 4; {QUOTA} L-DB2E81BA --desired-value 4",
            ),
        ),
        (
            checks.training_quota,
            {"get_service_quota": quotas(L_3819A6DF=0)},
            attention(
                "0 vCPUs of G and VT instances on Spot; 32 vCPUs of G and VT instances on demand; a g4dn.xlarge needs "
                "4: one of two ways to a retraining would fail. AWS takes days to answer a request",
                f"{QUOTA} L-3819A6DF --desired-value 4",
            ),
        ),
        (
            checks.budget,
            {"describe_budgets": refused("DescribeBudgets", "AccessDeniedException", "no")},
            attention(
                "these credentials may not read budgets, so NunchiBudget, the last stack, may fail; the others do not",
                "budget_usd = 0 under [alarms] in nunchi.toml, or access to billing for this identity",
            ),
        ),
    ],
)
def test_what_aws_would_refuse_is_said_with_its_remedy(
    check: Check, changed: dict[str, Answer], expected: tuple[Any, ...]
) -> None:
    assert check(account(changed)) == expected


LEFT: dict[str, tuple[dict[str, Answer], str, str]] = {
    "schedule group": (
        {"get_schedule_group": {}},
        f"schedule group {SCHEDULE_GROUP}",
        f"aws scheduler delete-schedule-group --name {SCHEDULE_GROUP}",
    ),
    "launch template": (
        {"describe_launch_templates": {"LaunchTemplates": [{}]}},
        "launch template NunchiTraining",
        "aws ec2 delete-launch-template --launch-template-name NunchiTraining",
    ),
    "role alias": (
        {"describe_role_alias": {}},
        "role alias nunchi-kiosk",
        "aws iot delete-role-alias --role-alias nunchi-kiosk",
    ),
    "state machine": (
        {"describe_state_machine": {}},
        "state machine nunchi-training",
        f"aws stepfunctions delete-state-machine --state-machine-arn {MACHINE}",
    ),
    "log": (
        {
            "describe_log_groups": lambda logGroupNamePrefix: {
                "logGroups": [{"logGroupName": f"{logGroupNamePrefix}-of-others"}]
                + [{"logGroupName": logGroupNamePrefix}] * (logGroupNamePrefix == names.WORKER_LOG)
            }
        },
        "log /nunchi/worker",
        "aws logs delete-log-group --log-group-name /nunchi/worker",
    ),
}


@pytest.mark.parametrize("name", list(LEFT))
def test_a_name_that_is_left_is_told_with_the_command_that_deletes_it(name: str) -> None:
    changed, what, command = LEFT[name]
    found = checks.left(account(changed))
    assert found == ill(f'the deployment would fail: "already exists": {what}', command)


def test_the_names_of_a_deployed_stack_are_its_own() -> None:
    """A second deployment updates them."""
    everything: dict[str, Answer] = {"describe_stacks": stack}
    for changed, _, _ in LEFT.values():
        everything |= changed
    assert checks.left(account(everything)).state is State.WELL


def test_a_stack_whose_creation_failed_is_not_deployed() -> None:
    """`cdk deploy` deletes it first."""
    failed = {"describe_stacks": lambda StackName: stack(StackName, "ROLLBACK_COMPLETE")}
    assert checks.stacks(account(failed)).text == "none yet: this will be the first deployment"


def test_an_account_older_than_the_free_plan_is_not_on_it() -> None:
    old = {"get_account_plan_state": refused("GetAccountPlanState", "ResourceNotFoundException", "no plan")}
    assert checks.plan(account(old)).state is State.WELL


def test_a_quota_that_nobody_changed_has_its_default() -> None:
    untouched: dict[str, Answer] = {
        "get_service_quota": refused("GetServiceQuota", "NoSuchResourceException", "no"),
        "get_aws_default_service_quota": {"Quota": {"Value": 5.0}},
    }
    assert checks.inference_quota(account(untouched)).text.startswith("5 vCPUs")


def test_zones_of_the_settings_are_those_that_are_asked_about() -> None:
    config = Config(zones=("ap-northeast-2c", "ap-northeast-2z"))
    assert checks.zones(account(config=config)) == ill(
        "ap-northeast-2z is no zone of this account",
        "zones in nunchi.toml: ap-northeast-2a, ap-northeast-2b, ap-northeast-2c, ap-northeast-2d",
    )


def test_a_type_that_the_region_lacks_is_no_crash() -> None:
    unknown = {"describe_instance_types": refused("DescribeInstanceTypes", "InvalidInstanceType", "no")}
    [finding] = examine(account(unknown), {"quota": checks.inference_quota})
    assert (finding.state, finding.text) == (State.UNSEEN, "can't check: ap-northeast-2 lacks one of c7i.large")


def test_without_a_budget_nothing_is_asked() -> None:
    config = Config(alarms=AlarmSettings(budget_usd=0))
    nothing: dict[str, Answer] = {
        "describe_budgets": ClientError({"Error": {"Code": "AccessDenied"}}, "DescribeBudgets")
    }
    assert checks.budget(account(nothing, config)).state is State.WELL


def test_without_spot_its_quota_does_not_matter() -> None:
    config = Config(training=TrainingSettings(spot=False))
    assert checks.training_quota(account({"get_service_quota": quotas(L_3819A6DF=0)}, config)).state is State.WELL


def test_of_heads_the_ordinary_quota_is_asked_which_the_instances_that_label_share() -> None:
    """5 vCPUs, as a new account has them, are enough; no quota of GPUs is asked for."""
    text = "5 vCPUs of standard instances on Spot; 5 vCPUs of standard instances on demand; a m7i-flex.large needs 2"
    text += ", on demand beside 2 of the instances that label"
    new_account = quotas(L_1216C47A=5, L_34B43A08=5, L_DB2E81BA=0, L_3819A6DF=0)
    found = checks.training_quota(account({"get_service_quota": new_account}, HEADS))
    assert (found.state, found.text, found.remedy) == (State.WELL, text, "")


@pytest.mark.parametrize(
    ("allowed", "lost", "remedy"),
    [
        ({"L_1216C47A": 3}, "one of two ways to a retraining would fail", f"{QUOTA} L-1216C47A --desired-value 4"),
        (
            {"L_1216C47A": 1, "L_34B43A08": 1},
            "retrainings would fail",
            f"{QUOTA} L-34B43A08 --desired-value 2; {QUOTA} L-1216C47A --desired-value 4",
        ),
    ],
)
def test_of_heads_a_quota_too_small_is_said_with_what_both_need(
    allowed: dict[str, float], lost: str, remedy: str
) -> None:
    found = checks.training_quota(account({"get_service_quota": quotas(**allowed)}, HEADS))
    assert (found.state, lost in found.text, found.remedy) == (State.ATTENTION, True, remedy)


def test_of_heads_in_mode_queue_the_whole_group_may_run_beside_a_retraining() -> None:
    config = Config(recipe="mask", mode=Mode.QUEUE, queue=QueueSettings(least=2, most=10))
    found = checks.training_quota(account({"get_service_quota": quotas(L_1216C47A=21)}, config))
    assert found.remedy == f"{QUOTA} L-1216C47A --desired-value 22"


def test_a_zone_without_the_type_for_heads_is_said() -> None:
    lacks = {"describe_instance_type_offerings": offers(m7i_flex_large=ZONES[2:])}
    assert checks.zones(account(lacks, HEADS)) == attention(
        "c7i.large in ap-northeast-2a, but no m7i-flex.large in ap-northeast-2a, ap-northeast-2b: retrainings would "
        "fail",
        'zones = ["ap-northeast-2c", "ap-northeast-2d"] in nunchi.toml',
    )


@pytest.mark.parametrize(
    ("recipe", "state", "text"),
    [
        ("mask", State.WELL, "the free plan has c7i-flex.large and m7i-flex.large"),
        (
            "kiosk",
            State.ATTENTION,
            "the free plan has c7i-flex.large, but refuses g4dn.xlarge: retrainings would fail",
        ),
    ],
)
def test_the_free_plan_teaches_heads_and_no_detector(recipe: str, state: State, text: str) -> None:
    config = Config.model_validate({"recipe": recipe, "inference": {"instance_type": "c7i-flex.large"}})
    found = checks.plan(account({"get_account_plan_state": {"accountPlanType": "FREE"}}, config))
    assert (found.state, found.text) == (state, text)


@pytest.mark.parametrize(
    ("kind", "code", "spot"),
    [
        ("c7i.large", "L-1216C47A", "L-34B43A08"),
        ("c7i-flex.large", "L-1216C47A", "L-34B43A08"),
        ("t3.small", "L-1216C47A", "L-34B43A08"),
        ("m7i-flex.large", "L-1216C47A", "L-34B43A08"),
        ("g4dn.xlarge", "L-DB2E81BA", "L-3819A6DF"),
        ("g6e.xlarge", "L-DB2E81BA", "L-3819A6DF"),
        ("vt1.3xlarge", "L-DB2E81BA", "L-3819A6DF"),
        ("p4d.24xlarge", "L-417A185B", "L-7212CCBC"),
    ],
)
def test_a_type_counts_against_the_quota_of_its_family(kind: str, code: str, spot: str) -> None:
    assert (quota_of(kind).code, quota_of(kind, spot=True).code) == (code, spot)


@given(st.integers(1, 100), st.integers(0, 100), st.integers(0, 50))
def test_a_group_may_need_all_that_it_may_become_and_a_tenth(least: int, more: int, warm: int) -> None:
    sizes = QueueSettings(least=least, most=least + more, warm_pool=warm)
    count = machines_at_once(Config(mode=Mode.QUEUE, queue=sizes))
    assert least + more + warm < count <= 1.1 * (least + more + warm) + 1
