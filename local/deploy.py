"""The pipeline into the local cloud: the real CDK command line, and what the local cloud needs beside it."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from config.inference_names import DOCUMENT, INFERENCE_ROLE, INSTANCE_PARAMETER, ROLE_TAG
from local.environment import ROOT
from local.errors import DeployFailed, ToolMissing
from local.state import DEFAULT_FOLDER
from local.subprocesses import TETHER, Child

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_ec2 import EC2Client
    from types_boto3_ssm import SSMClient

ACCOUNT: Final = "000000000000"
ASSEMBLIES: Final = ROOT / DEFAULT_FOLDER / "assemblies"
PIPELINE: Final = "NunchiPipeline"
_IMAGE: Final = "ami-12c6146b"  # one that moto knows; nothing boots from it
DEPLOY_S: Final = 300.0
LOOK_EVERY_S: Final = 0.2
_TOOLS: Final = {
    "node": "it comes with `make setup`",
    "cdk": "`make setup` puts it into node_modules",
    "bash": "install it with your system's packages",
}


def require_tools(path: str) -> None:
    """Raises ToolMissing that names every program that is not there."""
    missing = [f"{tool} ({remedy})" for tool, remedy in _TOOLS.items() if shutil.which(tool, path=path) is None]
    if missing:
        raise ToolMissing(f"the local cloud needs {', '.join(missing)}; nothing was started")


def bootstrap(cloudformation: CloudFormationClient, region: str) -> None:
    """What `cdk bootstrap` makes, as far as it is needed here: the bucket of assets, and its version number.

    Not its roles: without them the CDK goes on with the keys that it was given, and says so. The local cloud refuses
    what those roles' policies, which are AWS's own managed ones, would have to allow.
    """
    cloudformation.create_stack(
        StackName="CDKToolkit",
        TemplateBody=json.dumps(
            {
                "Resources": {
                    "StagingBucket": {
                        "Type": "AWS::S3::Bucket",
                        "Properties": {"BucketName": f"cdk-hnb659fds-assets-{ACCOUNT}-{region}"},
                    },
                    "CdkBootstrapVersion": {
                        "Type": "AWS::SSM::Parameter",
                        "Properties": {"Type": "String", "Name": "/cdk-bootstrap/hnb659fds/version", "Value": "31"},
                    },
                },
                "Outputs": {"BucketName": {"Value": {"Ref": "StagingBucket"}}, "BootstrapVersion": {"Value": "31"}},
            }
        ),
    )


async def deploy(
    *, environ: Mapping[str, str], assembly: Path, log: Path, stacks: tuple[str, ...] = (PIPELINE,)
) -> None:
    """Synthesise the app into `assembly` and deploy some of its stacks; DeployFailed shows the log's end.

    What was synthesised from the same input before is taken from ASSEMBLIES (local/synthesis.py).
    """
    python = shlex.quote(sys.executable)
    # The CDK gives this to a shell: tethered to the CDK as that is to us, no half-done synthesis outlives a kill -9.
    tethered = f"exec {python} -S -E {shlex.quote(str(TETHER))} $PPID {signal.SIGKILL.value} {python}"
    app = f"{tethered} -m local.synthesis {shlex.quote(str(ASSEMBLIES))}"
    command = [
        *("cdk", "deploy", *stacks, "--app", app, "--output", str(assembly)),
        *("--require-approval", "never", "--method", "direct", "--progress", "events"),
        *("--ci", "--no-notices", "--no-version-reporting"),
    ]
    cdk = Child("cdk deploy", command, environ=environ, cwd=ROOT, log=log)
    await cdk.start()
    try:
        async with asyncio.timeout(DEPLOY_S):
            status = await cdk.ended()
    except TimeoutError:
        raise DeployFailed(str(cdk.failure(f"did not end within {DEPLOY_S:g} s"))) from None
    finally:
        await cdk.stop(grace_s=0)
    if status != 0:
        raise DeployFailed(str(cdk.failure(f"failed with status {status}")))


async def outputs(
    cloudformation: CloudFormationClient, deployment: asyncio.Task[None], stack: str = PIPELINE
) -> dict[str, str]:
    """A stack's outputs by name, as soon as it is complete; the deployment's error when it fails.

    The CDK itself looks only every five seconds.
    """
    while True:
        ended = deployment.done()
        if ended:
            deployment.result()
        if found := await asyncio.to_thread(outputs_now, cloudformation, stack):
            return found
        if ended:
            raise DeployFailed(f"the CDK calls {stack} deployed, and CloudFormation does not")
        await asyncio.wait({deployment}, timeout=LOOK_EVERY_S)


def outputs_now(cloudformation: CloudFormationClient, name: str) -> dict[str, str]:
    """A stack's outputs by name; none as long as it is not complete."""
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except cloudformation.exceptions.ClientError:  # not there yet
        return {}
    if stack["StackStatus"] != "CREATE_COMPLETE":
        return {}
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def document_of(assembly: Path, document: str = DOCUMENT) -> dict[str, Any]:
    """The content of an SSM document, from the synthesised templates: just what AWS would be given."""
    for template in assembly.glob("*.template.json"):
        for resource in json.loads(template.read_text())["Resources"].values():
            if resource["Type"] == "AWS::SSM::Document" and resource["Properties"]["Name"] == document:
                content: dict[str, Any] = resource["Properties"]["Content"]
                return content
    raise DeployFailed(f"no stack in {assembly} has the SSM document {document}; infra/ and local/ disagree")


def run_instances(ec2: EC2Client, count: int) -> list[str]:
    """Instances that dispatch may send commands to; their ids."""
    instances = ec2.run_instances(
        ImageId=_IMAGE,
        MinCount=count,
        MaxCount=count,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": ROLE_TAG, "Value": INFERENCE_ROLE}]}],
    )["Instances"]
    return [instance["InstanceId"] for instance in instances]


def register_instance(ssm: SSMClient, instance: str, document: Mapping[str, Any]) -> None:
    """Tell dispatch where to send photos, and Run Command how they are handed over."""
    ssm.create_document(Content=json.dumps(document), Name=DOCUMENT, DocumentType="Command", DocumentFormat="JSON")
    ssm.put_parameter(Name=INSTANCE_PARAMETER, Value=instance, Type="String", Overwrite=True)
