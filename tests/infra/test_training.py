"""What must hold of retraining's own stack, and of what NunchiCompute makes for it, said in words."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import re2

from config.documents import TRAINING_LEASE_S, train_document
from contracts.settings import load
from contracts.training import training_id
from infra.training.training_instance import WITH_TRAINER
from lambdas.train_check import CheckSettings
from retrain.settings import RetrainSettings
from tests.infra.assembly import ROOT, Template, shared
from tests.infra.test_compute import document_named, policy_of, user_data

SEOUL = "ap-northeast-2"
HERE = f"{SEOUL}:<AWS::AccountId>"


@pytest.fixture(scope="module")
def states(training: Template) -> dict[str, Any]:
    """The state machine's definition."""
    text = training.text(training.one("AWS::StepFunctions::StateMachine")["DefinitionString"])
    definition: dict[str, Any] = json.loads(text)
    return definition


def following(state: dict[str, Any]) -> Iterator[str]:
    """Every state that may come next, caught errors included."""
    yield from (state[name] for name in ("Next", "Default") if name in state)
    yield from (one["Next"] for name in ("Choices", "Catch") for one in state.get(name, []))


def reachable(states: dict[str, Any], first: str, *, without: str) -> set[str]:
    """What can come after a state, on ways that do not pass another one."""
    found, left = set(), [first]
    while left:
        name = left.pop()
        if name not in found and name != without:
            found.add(name)
            left.extend(following(states["States"][name]))
    return found


def test_no_way_leads_from_a_started_machine_to_an_end_past_the_stopping(states: dict[str, Any]) -> None:
    """Whatever breaks: on every path without `Stop` there is no end, and no notification."""
    assert reachable(states, "Start", without="Stop") == {"Start", "Wait", "Poll", "Ended?"}
    assert {"Done", "Failed", "NotNotified"} <= reachable(states, "Check", without="")


def test_every_step_catches_every_error_and_tries_again_first(states: dict[str, Any]) -> None:
    tasks = {name: one for name, one in states["States"].items() if one["Type"] == "Task"}
    assert {name: [(one["ErrorEquals"], one["Next"]) for one in task["Catch"]] for name, task in tasks.items()} == {
        "Check": [(["States.ALL"], "Notify")],
        "Start": [(["States.ALL"], "Stop")],
        "Poll": [(["States.ALL"], "Stop")],
        "Stop": [(["States.ALL"], "Notify")],
        "Notify": [(["States.ALL"], "NotNotified")],
    }
    assert all(task["Retry"][-1]["ErrorEquals"] == ["States.ALL"] for task in tasks.values())
    refused, no_capacity, *_ = tasks["Start"]["Retry"]
    assert (refused["ErrorEquals"], refused["MaxAttempts"]) == (["AccountRefused"], 0)
    assert no_capacity == {
        "ErrorEquals": ["CapacityUnavailable"],
        "IntervalSeconds": 600,
        "MaxAttempts": 12,
        "BackoffRate": 1,
    }


def test_the_state_machine_outlives_a_machines_lease_and_the_training_does_not(states: dict[str, Any]) -> None:
    """Else its own time-out, after which no step runs, would come first."""
    limit = CheckSettings(dataset_bucket="d", weights_bucket="w", least_new_labels=1).limit_s
    assert limit < TRAINING_LEASE_S < states["TimeoutSeconds"]
    assert int(train_document()["mainSteps"][0]["inputs"]["timeoutSeconds"]) <= TRAINING_LEASE_S


def test_a_retraining_is_started_every_60_days_from_a_date_ahead_in_the_night(training: Template) -> None:
    """Without a date AWS would fire at the deployment itself."""
    [schedule] = [one for one in training.all("AWS::Scheduler::Schedule") if "StartDate" in one]
    assert schedule["ScheduleExpression"] == "rate(60 days)"
    start = datetime.fromisoformat(schedule["StartDate"])
    ahead = start - datetime.now(UTC)
    assert timedelta(0) < ahead <= timedelta(days=60, hours=1)
    assert (start.hour, start.minute) == (17, 0)  # 02:00 in Seoul
    assert training.text(schedule["Target"]["Arn"]) == "<StateMachineArn>"
    assert json.loads(schedule["Target"]["Input"]) == {}


def test_the_settings_decide_about_period_labels_and_spot(tmp_path_factory: pytest.TempPathFactory) -> None:
    """As OPERATOR has them, in tests/infra/assembly.py."""
    template = Template(shared(tmp_path_factory, "operator") / "NunchiTraining.template.json")
    assert "rate(1 day)" in {one["ScheduleExpression"] for one in template.all("AWS::Scheduler::Schedule")}
    environs = {one["Handler"]: one["Environment"]["Variables"] for one in functions(template) if "Environment" in one}
    spelled = {name: template.text(value) for name, value in environs["lambdas.train_check.handler"].items()}
    assert load(CheckSettings, spelled).least_new_labels == 7
    assert environs["lambdas.train_start.handler"]["NUNCHI_SPOT"] == "False"


def functions(template: Template) -> list[dict[str, Any]]:
    return [one for one in template.all("AWS::Lambda::Function") if one["Handler"].startswith("lambdas.")]


def test_each_functions_zip_holds_its_file_and_the_contracts_and_is_small(assembly: Path) -> None:
    assets = json.loads((assembly / "NunchiTraining.assets.json").read_text())["files"].values()
    folders = [assembly / asset["source"]["path"] for asset in assets if asset["source"]["packaging"] == "zip"]
    found = set()
    for folder in folders:
        [own] = [path.name for path in (folder / "lambdas").iterdir() if path.name != "__init__.py"]
        found.add(own)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in folder.rglob("*"):
                archive.write(path, path.relative_to(folder))
        assert packed.tell() < 50 * 1024, own
    assert found == {f"train_{step}.py" for step in ("check", "start", "poll", "stop", "notify", "reap")}


def test_only_machines_that_are_tagged_for_training_can_be_commanded_or_ended(training: Template) -> None:
    allowed = {
        (action, resource, condition)
        for policy in training.all("AWS::IAM::Policy")
        for action, resource, condition in training.allowed(policy["PolicyDocument"])
        if action in ("ec2:TerminateInstances", "ssm:SendCommand")
    }
    instances = f"arn:<AWS::Partition>:ec2:{HERE}:instance/*"
    document = f"arn:<AWS::Partition>:ssm:{HERE}:document/Nunchi-Train"
    assert {(action, re.sub("<AWS::Partition>|aws", "…", on), condition) for action, on, condition in allowed} == {
        (action, on.replace("<AWS::Partition>", "…"), condition)
        for action, on, condition in (
            ("ec2:TerminateInstances", instances, '{"StringEquals": {"ec2:ResourceTag/nunchi:role": "training"}}'),
            ("ssm:SendCommand", instances, '{"StringEquals": {"ssm:resourceTag/nunchi:role": "training"}}'),
            ("ssm:SendCommand", document, "{}"),
        )
    }


def test_machines_can_be_started_from_one_template_alone(compute: Template) -> None:
    """In our subnets, under the training's role, with AWS's own image."""
    policy = policy_of(compute, "Nunchi retraining: start machines of one launch template")
    allowed = compute.allowed(policy)
    assert {action for action, _, _ in allowed} == {
        "ec2:RunInstances",
        "ec2:CreateTags",
        "ssm:GetParameters",
        "iam:PassRole",
        "iam:CreateServiceLinkedRole",
    }
    free = {on for action, on, condition in allowed if action == "ec2:RunInstances" and condition == "{}"}
    assert {re.sub(r".*:(launch-template|subnet|security-group)/.*", r"\1", one) for one in free} == {
        "launch-template",
        "subnet",
        "security-group",
    }
    assert all("*" not in one for one in free)
    bound = [condition for action, _, condition in allowed if action == "ec2:RunInstances" and condition != "{}"]
    assert all("ec2:LaunchTemplate" in condition for condition in bound) and len(bound) == 5


def test_whatever_the_template_tags_at_a_start_may_be_tagged(compute: Template) -> None:
    """Else EC2 refuses the machine. And EC2 may make its own role for Spot, which a new account does not have."""
    allowed = compute.allowed(policy_of(compute, "Nunchi retraining: start machines of one launch template"))
    tagging = {(re.sub(".*:", "", on), condition) for action, on, condition in allowed if action == "ec2:CreateTags"}
    template = training_template(compute)
    tagged = {one["ResourceType"] for one in template["TagSpecifications"]}
    assert tagging == {(f"{kind}/*", '{"StringEquals": {"ec2:CreateAction": "RunInstances"}}') for kind in tagged}
    [(_, role, condition)] = [one for one in allowed if one[0] == "iam:CreateServiceLinkedRole"]
    assert role.endswith(":role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot")
    assert condition == '{"StringEquals": {"iam:AWSServiceName": "spot.amazonaws.com"}}'


def training_template(compute: Template) -> dict[str, Any]:
    """What a training machine is launched from."""
    [template] = [
        one["LaunchTemplateData"]
        for one in compute.all("AWS::EC2::LaunchTemplate")
        if one["LaunchTemplateName"] == "NunchiTraining"
    ]
    return dict(template)


def test_a_training_machine_is_hardened_and_its_power_off_is_its_end(compute: Template) -> None:
    template = training_template(compute)
    assert template["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert template["MetadataOptions"] == {
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
        "InstanceMetadataTags": "enabled",
    }
    [disk] = template["BlockDeviceMappings"]
    assert (disk["Ebs"]["Encrypted"], disk["Ebs"]["DeleteOnTermination"]) == (True, True)
    assert template["ImageId"] == f"resolve:ssm:{WITH_TRAINER.image}"
    assert "KeyName" not in template
    tags = {spec["ResourceType"]: spec["Tags"] for spec in template["TagSpecifications"]}
    assert {"Key": "nunchi:role", "Value": "training"} in tags["instance"]


def test_the_first_thing_that_a_machine_does_is_to_set_its_own_end(compute: Template) -> None:
    """Whatever fails after it."""
    script = user_data(compute, training=True)
    lines = script.splitlines()
    assert lines[:3] == [
        "#!/usr/bin/env bash",
        "set -euo pipefail",
        f"systemd-run --unit=nunchi-lease --on-active={TRAINING_LEASE_S} /usr/sbin/shutdown -h now",
    ]
    assert lines[-3:] == [
        "bash /opt/nunchi.new/shell/boot-train.sh settings",
        "mv /opt/nunchi.new /opt/nunchi",
        "bash /opt/nunchi/shell/boot-train.sh packages",
    ]
    checked = subprocess.run(
        ["shellcheck", "-"], input=script, capture_output=True, text=True, check=False, timeout=300
    )
    assert (checked.stdout, checked.returncode) == ("", 0)
    header = (ROOT / "shell" / "boot-train.sh").read_text().partition("set -euo")[0]
    for name in ("NUNCHI_DATASET_BUCKET", "NUNCHI_WEIGHTS_BUCKET", "AWS_REGION"):
        assert f"export {name}=" in script and name in header
    told = re.findall("^export (NUNCHI_[A-Z_]+)=(.+)$", script, re.MULTILINE)
    assert [name for name, _ in told] == [
        "NUNCHI_DATASET_BUCKET",
        "NUNCHI_GATE",
        "NUNCHI_IMAGES_BUCKET",
        "NUNCHI_RECIPE",
        "NUNCHI_WEIGHTS_BUCKET",
    ]
    assert dict(told)["NUNCHI_GATE"] == "0.95"
    assert {name for name, _ in told} <= {one.metadata["name"] for one in dataclasses.fields(RetrainSettings)}


def machine_of(compute: Template) -> dict[str, Any]:
    """What differs between machines that train a detector and those that teach heads."""
    template = training_template(compute)
    [disk] = template["BlockDeviceMappings"]
    allowed = compute.allowed(policy_of(compute, "Nunchi retraining: start machines of one launch template"))
    [image] = [on for action, on, _ in allowed if action == "ssm:GetParameters"]
    told = re.findall("^export (NUNCHI_(?:RECIPE|TRAINER)=.+)$", user_data(compute, training=True), re.MULTILINE)
    return {
        "type": template["InstanceType"],
        "image": template["ImageId"],
        "may read": image.partition(":parameter")[2],
        "GiB": disk["Ebs"]["VolumeSize"],
        "told": told,
    }


def test_a_detector_is_trained_on_a_gpu_with_its_driver(compute: Template) -> None:
    driver = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id"
    assert machine_of(compute) == {
        "type": "g4dn.xlarge",
        "image": f"resolve:ssm:{driver}",
        "may read": driver,
        "GiB": 125,
        "told": ["NUNCHI_RECIPE=kiosk"],
    }


def test_heads_are_taught_on_an_ordinary_instance_with_nothing_of_a_gpu(heads_assembly: Path) -> None:
    """The newest Amazon Linux of the instances that label, a smaller disk, and no trainer's environment."""
    heads_compute = Template(heads_assembly / "NunchiCompute.template.json")
    [labels_with] = [
        one["Default"]
        for one in heads_compute.fields["Parameters"].values()
        if one["Type"] == "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
    ]
    assert machine_of(heads_compute) == {
        "type": "m7i-flex.large",
        "image": f"resolve:ssm:{labels_with}",
        "may read": labels_with,
        "GiB": 60,
        "told": ["NUNCHI_RECIPE=face-score", "NUNCHI_TRAINER=no"],
    }
    text = json.dumps(heads_compute.fields).lower()
    assert [word for word in ("gpu", "nvidia", "deeplearning", "g4dn") if word in text] == []
    header = (ROOT / "shell" / "boot-train.sh").read_text().partition("set -euo")[0]
    assert "NUNCHI_TRAINER " in header


def test_the_code_that_a_training_machine_fetches_holds_what_trains_and_what_judges(assembly: Path) -> None:
    assets = json.loads((assembly / "NunchiCompute.assets.json").read_text())["files"].values()
    folders = [assembly / asset["source"]["path"] for asset in assets]
    [code] = [folder for folder in folders if (folder / "retrain").is_dir()]
    assert {path.name for path in code.iterdir()} == {
        "contracts",
        "imaging",
        "mqtt",
        "recipes",
        "registry",
        "retrain",
        "shell",
        "worker",
    }
    assert (code / "retrain" / "requirements.txt").exists()
    assert (code / "retrain" / "trainer" / "requirements.txt").exists()


def test_the_document_takes_a_trainings_id_and_no_shell(compute: Template) -> None:
    """As RE2 compiles it, which the SSM agent does; nothing is pasted into the script."""
    content = document_named(compute, "Nunchi-Train")["Content"]
    assert content == train_document()
    assert "{{" not in str(content["mainSteps"])
    patterns = {name: re2.compile(one["allowedPattern"]) for name, one in content["parameters"].items()}
    assert {one["interpolationType"] for one in content["parameters"].values()} == {"ENV_VAR"}
    assert patterns["Training"].search(training_id(datetime(2026, 11, 22, tzinfo=UTC), "an-execution"))
    for hostile in ("$(id)", "a b", "a;b", "../x", "", "a\n"):
        assert not patterns["Training"].search(hostile)
        assert not patterns["LeastNewLabels"].search(hostile)
        assert not patterns["LimitSeconds"].search(hostile)
    assert patterns["LeastNewLabels"].search("0") and patterns["LimitSeconds"].search("43200")
    assert not patterns["LimitSeconds"].search("0")


def test_an_execution_that_ends_by_itself_is_swept_after(training: Template) -> None:
    """Of a time-out or an abort no step of its own hears."""
    rule = training.one("AWS::Events::Rule")
    assert rule["EventPattern"]["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    [target] = rule["Targets"]
    assert json.loads(target["Input"]) == {"sweep": "ended"}
    hourly = [one for one in training.all("AWS::Scheduler::Schedule") if "StartDate" not in one]
    assert [(one["ScheduleExpression"], json.loads(one["Target"]["Input"])) for one in hourly] == [
        ("rate(1 hour)", {"sweep": "hourly"})
    ]


def test_people_are_told_on_an_encrypted_topic_over_tls(training: Template) -> None:
    topic = training.one("AWS::SNS::Topic")
    assert training.text(topic["KmsMasterKeyId"]).endswith(":alias/aws/sns")
    [statement] = training.one("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_photos_on_aws_are_not_trained_on_without_their_key(key_assembly: Path) -> None:
    """With the operator's own key, the steps that read or write the buckets may use it, and the others may not."""
    template = Template(key_assembly / "NunchiTraining.template.json")
    may = {
        name.removesuffix(re.findall("RoleDefaultPolicy.*", name)[0]): action
        for name, one in template.resources.items()
        if one["Type"] == "AWS::IAM::Policy"
        for action, _, _ in template.allowed(one["Properties"]["PolicyDocument"])
        if action.startswith("kms:")
    }
    assert set(may) == {"StepCheck", "StepWatch", "StepTell"}
