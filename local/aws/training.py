"""Retraining in a local cloud: a launch template and a document on moto, and the folder of a training machine.

The state machine and its steps are those of AWS, deployed by the CDK. Its machines are moto instances, on which Run
Command runs shell/train.sh with the packages of this machine.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from config.names import LAUNCH_TEMPLATE, ROLE_TAG, TRAIN_DOCUMENT, TRAINING_ROLE
from config.stack_outputs import TRAINING_ACCESS_ARN, buckets_of
from contracts.settings import environment_for, variables_of
from local.aws.deploy import document_of
from local.environment import ROOT, callers_own
from local.record import REGION
from local.state import StateDir
from retrain.settings import DEFAULT_TRAINER, RetrainSettings

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ssm import SSMClient

RETRAIN_VARIABLE: Final = "NUNCHI_RETRAIN"
_IMAGE: Final = "ami-12c6146b"  # one that moto knows; nothing boots from it
_SHUTDOWN: Final = """#!/usr/bin/env bash
# `shutdown` on a training machine of the local cloud.
PYTHONPATH={root} setsid {python} -m local.aws.fake_ec2 "$@" </dev/null >/dev/null 2>&1 &
"""


class TrainingMachine:
    """The root folder of the training machines of a cloud."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.programs = folder / "bin"
        self.settings = folder / "etc" / "nunchi" / "training.env"
        self.log = folder / "var" / "log" / "nunchi" / "training.log"

    def make(self, settings: Mapping[str, str]) -> None:
        """Write its settings, as boot-train.sh does on AWS, and its `shutdown`."""
        self.settings.parent.mkdir(parents=True, exist_ok=True)
        self.settings.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items()))
        self.programs.mkdir(exist_ok=True)
        shutdown = self.programs / "shutdown"
        shutdown.write_text(_SHUTDOWN.format(root=shlex.quote(str(ROOT)), python=shlex.quote(sys.executable)))
        shutdown.chmod(0o755)


def machine_environ(path: str, folder: Path, ec2_url: str) -> dict[str, str]:
    """The environment of scripts on a training machine, in addition to that of every instance."""
    machine = TrainingMachine(folder)
    return {
        "PATH": f"{machine.programs}:{path}",
        "NUNCHI_PREFIX": str(folder),
        "NUNCHI_POLL_S": "1",
        "NUNCHI_IMDS": "http://127.0.0.1:1",  # there are no Spot interruptions here
        "AWS_ENDPOINT_URL_EC2": ec2_url,
    }


def provision(
    state: StateDir,
    outputs: Mapping[str, str],
    client: Callable[[str], Any],
    *,
    endpoint: str,
    gate: float,
    environ: Mapping[str, str],
) -> None:
    """Create all of it. `outputs` are the pipeline stack's; `gate` (0-1) is the operator's."""
    _register(client("ec2"), client("ssm"), document_of(state.assembly, TRAIN_DOCUMENT))
    TrainingMachine(state.training).make(
        training_environ(
            buckets=buckets_of(outputs),
            gate=gate,
            endpoint=endpoint,
            keys=_keys(client("iam"), outputs[TRAINING_ACCESS_ARN]),
            environ=environ,
        )
    )


def training_environ(
    *, buckets: Mapping[str, str], gate: float, endpoint: str, keys: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Settings of trainings. The caller's, as NUNCHI_EPOCHS=3, override the operator's; addresses override both."""
    return (
        {RETRAIN_VARIABLE: f"{shlex.quote(sys.executable)} -m retrain"}
        | variables_of(RetrainSettings, {"trainer_python": DEFAULT_TRAINER, "gate": gate})
        | callers_own(environ)
        | environment_for(RetrainSettings, {f"{name}_bucket": bucket for name, bucket in buckets.items()})
        | {
            "PYTHONPATH": str(ROOT),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            **keys,
        }
    )


def _keys(iam: Any, access_policy: str) -> dict[str, str]:
    """Access keys of a user with the policy of a training, as environment variables."""
    iam.create_user(UserName="training")
    iam.attach_user_policy(UserName="training", PolicyArn=access_policy)
    key = iam.create_access_key(UserName="training")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def _register(ec2: EC2Client, ssm: SSMClient, document: Mapping[str, Any]) -> None:
    """Create what NunchiCompute has on AWS: the launch template of training machines, and their SSM document."""
    ec2.create_launch_template(
        LaunchTemplateName=LAUNCH_TEMPLATE,
        LaunchTemplateData={
            "ImageId": _IMAGE,
            "InstanceType": "g4dn.xlarge",
            "InstanceInitiatedShutdownBehavior": "terminate",
            "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": ROLE_TAG, "Value": TRAINING_ROLE}]}],
        },
    )
    ssm.create_document(
        Content=json.dumps(document), Name=TRAIN_DOCUMENT, DocumentType="Command", DocumentFormat="JSON"
    )
