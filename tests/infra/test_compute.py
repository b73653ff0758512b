"""What must hold of the compute stack, said in words."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
import re2
from aws_cdk import assertions

from config.documents import infer_document
from config.names import LAUNCH_TEMPLATE
from contracts.instants import from_epoch_ms
from contracts.names import Reference
from contracts.settings import describe
from contracts.tickets import MAX_TICKETS, TICKET_PATTERN, TICKETS_PATTERN, Ticket, to_line
from infra.compute.instance import amazon_linux
from tests.infra.assembly import ROOT, Template
from worker.settings import WorkerSettings

LATEST = from_epoch_ms(10**13 - 1)
# RE2 has the syntax and the limits of Go's regexp, with which the SSM agent compiles `allowedPattern`.
QUIET = re2.Options()
KERNEL_6_1 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-x86_64"
QUIET.log_errors = False


def test_nothing_calls_the_instance(compute: Template) -> None:
    """No inbound rule at all; outwards only HTTPS and MQTT over TLS."""
    group = compute.one("AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group
    assert compute.all("AWS::EC2::SecurityGroupIngress") == []
    assert [(rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) for rule in group["SecurityGroupEgress"]] == [
        (443, 443, "tcp"),
        (8883, 8883, "tcp"),
    ]


def test_the_instance_is_hardened(compute: Template) -> None:
    """IMDSv2 alone and for nobody behind the instance, an encrypted disk, no key to log in with."""
    instance = compute.one("AWS::EC2::Instance")
    assert instance["MetadataOptions"] == {
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
        "InstanceMetadataTags": "enabled",
    }
    assert [one["Ebs"] for one in instance["BlockDeviceMappings"]] == [
        {"Encrypted": True, "VolumeSize": 16, "VolumeType": "gp3"}
    ]
    assert "KeyName" not in instance
    assert instance["InstanceType"] == "c7i.large"


def test_dispatch_finds_the_instance_by_tag_and_parameter(compute: Template) -> None:
    """The tag lets it be sent to, the parameter says which one it is."""
    [name] = [name for name, one in compute.resources.items() if one["Type"] == "AWS::EC2::Instance"]
    assert {"Key": "nunchi:role", "Value": "inference"} in compute.one("AWS::EC2::Instance")["Tags"]
    parameter = compute.one("AWS::SSM::Parameter")
    assert (parameter["Name"], parameter["Type"], parameter["Value"]) == (
        "/nunchi/inference-instance",
        "String",
        {"Ref": name},
    )


def test_the_instance_may_do_a_workers_work_and_be_reached(pipeline: Template) -> None:
    """The worker's policy and the agent's own calls; no parameter of the account is readable."""
    name = pipeline.text(pipeline.fields["Outputs"]["WorkerRoleArn"]["Value"]).strip("<>").split(".")[0]
    role = pipeline.resources[name]["Properties"]
    assert pipeline.text(role["ManagedPolicyArns"]) == "<WorkerAccessArn>"
    assert "ec2.amazonaws.com" in str(role["AssumeRolePolicyDocument"])
    [policy] = [one for one in pipeline.all("AWS::IAM::Policy") if pipeline.text(one["Roles"]) == f"<{name}>"]
    actions = {action for action, _, _ in pipeline.allowed(policy["PolicyDocument"])}
    assert {action.split(":")[0] for action in actions} == {"ssm", "ssmmessages", "ec2messages"}
    assert {action for action in actions if action.startswith("ssm:")} == {"ssm:UpdateInstanceInformation"}


def test_the_instance_may_fetch_its_code_be_enrolled_and_write_two_logs(compute: Template) -> None:
    """And nothing else: one object, one function, two groups."""
    policy = policy_of(compute, "Nunchi instance: fetch the code, be enrolled, write its logs")
    assert {action for action, _, _ in compute.allowed(policy)} == {
        "s3:GetObject",
        "lambda:InvokeFunction",
        "logs:CreateLogStream",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
    }
    [code] = [resource for action, resource, _ in compute.allowed(policy) if action == "s3:GetObject"]
    assert re.search(r"/[0-9a-f]{64}\.zip$", code)
    assert {
        group["LogGroupName"]: group["RetentionInDays"]
        for group in compute.all("AWS::Logs::LogGroup")
        if "LogGroupName" in group
    } == {
        "/nunchi/worker": 30,
        "/nunchi/metrics": 30,
        "/nunchi/training": 30,
    }


def test_new_code_is_a_new_instance_and_the_old_one_stays_until_it_is_ready(compute: Template) -> None:
    """Its hash is in the user data; CloudFormation waits for the new one's own word, then takes the old one away."""
    [(name, instance)] = [(name, one) for name, one in compute.resources.items() if one["Type"] == "AWS::EC2::Instance"]
    assert re.search(r"[0-9a-f]{64}\.zip", str(instance["Properties"]["UserData"]))
    assert re.search(r"[0-9a-f]{16}$", name), "its name must change with its user data"
    assert instance["CreationPolicy"] == {"ResourceSignal": {"Timeout": "PT15M"}}


def test_a_new_image_alone_is_a_new_instance_that_is_waited_for_in_the_same_way(compute: Template) -> None:
    """The image is looked up at each deployment, by kernel. Another one replaces the instance without a new name in the
    template, so the instance may know whom to signal only from its own tag.
    """
    [(name, instance)] = [(name, one) for name, one in compute.resources.items() if one["Type"] == "AWS::EC2::Instance"]
    assert image_of(compute, instance["Properties"]) == KERNEL_6_1
    assert instance["CreationPolicy"]["ResourceSignal"]["Timeout"] == "PT15M"
    script = user_data(compute)
    assert name not in script
    assert "NUNCHI_RESOURCE=$(meta tags/instance/aws:cloudformation:logical-id)" in script


def test_in_mode_queue_a_new_image_alone_is_a_refresh_that_waits_for_each_instance(queue_compute: Template) -> None:
    """It is a new version of the launch template, which the group follows; a hook holds each new instance back."""
    [name] = [
        name
        for name, one in queue_compute.resources.items()
        if one["Type"] == "AWS::EC2::LaunchTemplate" and one["Properties"].get("LaunchTemplateName") != LAUNCH_TEMPLATE
    ]
    data = queue_compute.resources[name]["Properties"]["LaunchTemplateData"]
    assert image_of(queue_compute, data) == KERNEL_6_1
    group = queue_compute.one("AWS::AutoScaling::AutoScalingGroup")
    assert group["LaunchTemplate"] == {
        "LaunchTemplateId": {"Ref": name},
        "Version": {"Fn::GetAtt": [name, "LatestVersionNumber"]},
    }
    hooks = {hook["LifecycleTransition"] for hook in queue_compute.all("AWS::AutoScaling::LifecycleHook")}
    assert "autoscaling:EC2_INSTANCE_LAUNCHING" in hooks


@pytest.mark.parametrize("mode", ["compute", "queue_compute"])
def test_an_instance_waits_for_the_tag_that_says_whom_to_signal(request: pytest.FixtureRequest, mode: str) -> None:
    """It may come up before CloudFormation has tagged it; without the tag a deployment would wait in vain."""
    [ask] = [line for line in user_data(request.getfixturevalue(mode)).splitlines() if line.startswith("meta()")]
    assert "--retry 24 --retry-delay 5 --retry-all-errors" in ask


def test_a_holiday_powers_the_instance_off_and_does_not_end_it(compute: Template) -> None:
    assert compute.one("AWS::EC2::Instance")["InstanceInitiatedShutdownBehavior"] == "stop"


def test_the_document_hands_tickets_over_by_environment_alone(compute: Template) -> None:
    """What SSM checks is the contract's own pattern, and no parameter is pasted into a shell."""
    document = document_named(compute, "Nunchi-Infer")
    assert document["Content"] == infer_document()
    assert document["Content"]["parameters"]["Tickets"]["allowedPattern"] == TICKETS_PATTERN
    assert document["Content"]["parameters"]["Tickets"]["interpolationType"] == "ENV_VAR"
    assert "{{" not in str(document["Content"]["mainSteps"])
    assert (document["Name"], document["UpdateMethod"], document["DocumentType"]) == (
        "Nunchi-Infer",
        "NewVersion",
        "Command",
    )


def test_the_documents_step_ends_soon(compute: Template) -> None:
    """Later than the script's own limit, sooner than the customer's patience."""
    [step] = document_named(compute, "Nunchi-Infer")["Content"]["mainSteps"]
    assert step["inputs"] == {"timeoutSeconds": "20", "runCommand": ['"${NUNCHI_HOME:-/opt/nunchi}/shell/infer.sh"']}


def test_the_documents_pattern_takes_a_full_command_and_no_shell() -> None:
    """As RE2 compiles it: the longest line that dispatch can send passes; what a shell would act upon does not."""
    pattern = re2.compile(TICKETS_PATTERN)
    full = to_line([Ticket(Reference("k" * 32, f"{place:026d}"), LATEST) for place in range(MAX_TICKETS)])
    assert pattern.search(full)
    for hostile in ("$(touch x)", "demo/`id`", "; reboot", "@/etc/passwd", f"{full}\n; id", f"{full}\n", ""):
        assert not pattern.search(hostile)


def test_a_pattern_that_counts_the_tickets_would_not_compile_there() -> None:
    """Why the pattern bounds the form alone: with a count of its own, no command would be accepted on any instance."""
    counting = f"^{TICKET_PATTERN}( {TICKET_PATTERN}){{0,{MAX_TICKETS - 1}}}$"
    assert re.compile(counting)
    with pytest.raises(re2.error, match=r"invalid repetition size: \{0,49\}"):
        re2.compile(counting, QUIET)


@pytest.mark.parametrize("mode", ["compute", "queue_compute"])
def test_the_user_data_is_a_sound_script_that_ends_with_boot_sh(request: pytest.FixtureRequest, mode: str) -> None:
    """What it does before is no more than to fetch the code; boot.sh itself is run for real in tests/shell."""
    script = user_data(request.getfixturevalue(mode))
    checked = subprocess.run(
        ["shellcheck", "-"], input=script, capture_output=True, text=True, check=False, timeout=300
    )
    assert (checked.stdout, checked.returncode) == ("", 0)
    assert script.startswith("#!/usr/bin/env bash\nset -euo pipefail\n")
    assert script.endswith("\nbash /opt/nunchi/shell/boot.sh")


@pytest.mark.parametrize(
    ("mode", "only"),
    [("compute", set[str]()), ("queue_compute", {"NUNCHI_UPLOAD_QUEUE_URL"})],
)
def test_the_user_data_gives_boot_sh_all_that_it_asks_for(
    request: pytest.FixtureRequest, mode: str, only: set[str]
) -> None:
    """Its header lists what is required; the rest are settings of the worker, or of the closed days."""
    given = set(re.findall(r"(NUNCHI_[A-Z_]+|AWS_REGION)=", user_data(request.getfixturevalue(mode))))
    header = (ROOT / "shell" / "boot.sh").read_text().partition("set -euo")[0]
    required = set(re.findall(r"[A-Z][A-Z_]+", " ".join(re.findall(r"#   ([A-Z_, ]+?)   required", header))))
    assert required == {"NUNCHI_IMAGES_BUCKET", "NUNCHI_DATASET_BUCKET", "NUNCHI_ENROL_FUNCTION", "AWS_REGION"}
    worker = {one.name for one in describe(WorkerSettings)}
    tuned = {"NUNCHI_WEIGHTS_BUCKET", "NUNCHI_RECIPE", "NUNCHI_GATE", "NUNCHI_REVIEW_SHARE"}
    assert given == required | tuned | {"NUNCHI_STACK", "NUNCHI_RESOURCE"} | only
    assert given - required - {"NUNCHI_STACK", "NUNCHI_RESOURCE", "NUNCHI_CLOSED"} <= worker


def test_the_code_that_an_instance_fetches_is_the_worker_and_its_scripts(assembly: Path) -> None:
    """Not the tests, not the stacks, no compiled file; and everything that git knows of these folders."""
    assets = json.loads((assembly / "NunchiCompute.assets.json").read_text())["files"].values()
    [code] = [
        folder
        for folder in (assembly / asset["source"]["path"] for asset in assets)
        if (folder / "shell").is_dir() and not (folder / "retrain").is_dir()
    ]
    packed = {path.relative_to(code).as_posix() for path in code.rglob("*") if path.is_file()}
    listed = subprocess.run(
        [
            "git",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "contracts",
            "imaging",
            "mqtt",
            "recipes",
            "worker",
            "shell",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout.split()
    assert packed == set(listed)


def image_of(compute: Template, machine: dict[str, Any]) -> str:
    """AWS's parameter by which CloudFormation looks up the image at each deployment."""
    parameter = compute.fields["Parameters"][machine["ImageId"]["Ref"]]
    assert parameter["Type"] == "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
    default: str = parameter["Default"]
    return default


def user_data(compute: Template, *, training: bool = False) -> str:
    """The script of the instance, or of a launch template, with references spelled out."""
    for type_ in ("AWS::EC2::Instance", "AWS::EC2::LaunchTemplate"):
        for one in compute.all(type_):
            if (one.get("LaunchTemplateName") == LAUNCH_TEMPLATE) is training:
                return (
                    compute.text(one.get("LaunchTemplateData", one)["UserData"]["Fn::Base64"])
                    .replace("<", "")
                    .replace(">", "")
                )
    raise AssertionError("nothing here has user data")


def document_named(compute: Template, name: str) -> dict[str, Any]:
    [found] = [one for one in compute.all("AWS::SSM::Document") if one["Name"] == name]
    return found


def policy_of(compute: Template, description: str) -> dict[str, Any]:
    """What a managed policy allows; it is found by what it says of itself."""
    [found] = [one for one in compute.all("AWS::IAM::ManagedPolicy") if one["Description"] == description]
    document: dict[str, Any] = found["PolicyDocument"]
    return document


@pytest.mark.parametrize(
    ("instance_type", "architecture"),
    [("c7i.large", "x86_64"), ("t3.small", "x86_64"), ("t4g.small", "arm64"), ("c7g.large", "arm64")],
)
def test_the_image_is_one_for_the_processors_of_the_type(instance_type: str, architecture: str) -> None:
    """An instance with another architecture's image is refused at its creation."""
    stack = cdk.Stack()
    amazon_linux(instance_type).get_image(stack)
    wanted = {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"}
    [parameter] = assertions.Template.from_stack(stack).find_parameters("*", wanted).values()
    assert parameter["Default"] == f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-{architecture}"
