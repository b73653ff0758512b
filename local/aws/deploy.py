"""Deploys the stacks into the local cloud with the CDK command line, and registers the instances."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from config.names import INFER_DOCUMENT, INFERENCE_ROLE, PIPELINE_STACK, ROLE_TAG
from local.environment import ROOT
from local.errors import DeployFailed, ToolMissing
from local.state import DEFAULT_FOLDER
from local.subprocesses import Child
from retrain.subprocesses import PDEATHSIG

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_ec2 import EC2Client
    from types_boto3_ssm import SSMClient

ACCOUNT: Final = "000000000000"
ASSEMBLIES: Final = ROOT / DEFAULT_FOLDER / "assemblies"
IMAGE: Final = "ami-12c6146b"  # one that moto knows; nothing boots from it
DEPLOY_S: Final = 300.0
POLL_S: Final = 0.2
TELL_S: Final = 10.0  # between two lines about a deployment
_STACK_EVENT: Final = re.compile(r"(?P<stack>Nunchi\w+) \| +(?P<done>\d+)(?:/\d+)? \| .*? \| \w+ +\| (?P<type>[\w:]+)")
_TOOLS: Final = {
    "node": "it comes with `make setup`",
    "cdk": "`make setup` puts it into node_modules",
    "bash": "install it with your system's packages",
}


def require_tools(path: str) -> None:
    """ToolMissing, naming every missing program."""
    missing = [f"{tool} ({remedy})" for tool, remedy in _TOOLS.items() if shutil.which(tool, path=path) is None]
    if missing:
        raise ToolMissing(f"the local cloud needs {', '.join(missing)}; nothing was started")


def bootstrap(cloudformation: CloudFormationClient, region: str) -> None:
    """Create what the CDK needs of `cdk bootstrap`: the bucket of assets, and the version parameter.

    Without its roles the CDK uses the keys of its environment, with a warning. The roles would not work here: their
    policies are managed by AWS, and the local cloud has none of those.
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
    *, environ: Mapping[str, str], assembly: Path, log: Path, stacks: tuple[str, ...] = (PIPELINE_STACK,)
) -> None:
    """Synthesise the app into `assembly` and deploy `stacks`; DeployFailed shows the end of the log.

    An unchanged input is not synthesised again: its assembly comes from the cache ASSEMBLIES (local/aws/synthesis.py).
    """
    python = shlex.quote(sys.executable)
    # The CDK runs this in a shell. pdeathsig ends the synthesis with the CDK, so none outlives a kill -9.
    with_pdeathsig = f"exec {python} -S -E {shlex.quote(str(PDEATHSIG))} $PPID {signal.SIGKILL.value} {python}"
    app = f"{with_pdeathsig} -m local.aws.synthesis {shlex.quote(str(ASSEMBLIES))}"
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
    cloudformation: CloudFormationClient, deployment: asyncio.Task[None], stack: str = PIPELINE_STACK
) -> dict[str, str]:
    """Wait until a stack is complete; returns its outputs by name. Raises the error of the deployment.

    The CDK itself polls every five seconds only.
    """
    while True:
        ended = deployment.done()
        if ended:
            deployment.result()
        if values := await asyncio.to_thread(outputs_now, cloudformation, stack):
            return values
        if ended:
            raise DeployFailed(f"the CDK reports {stack} as deployed, but CloudFormation does not")
        await asyncio.wait({deployment}, timeout=POLL_S)


def outputs_now(cloudformation: CloudFormationClient, name: str) -> dict[str, str]:
    """A stack's outputs by name; empty until it is complete."""
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except cloudformation.exceptions.ClientError:  # does not exist yet
        return {}
    if stack["StackStatus"] != "CREATE_COMPLETE":
        return {}
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def state_of(log: Path, assembly: Path) -> str:
    """What the deployment does now, by the CDK's log: which stack, and how many of its resources are complete."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    for line in reversed(lines):
        if event := _STACK_EVENT.match(line):
            template = assembly / f"{event['stack']}.template.json"
            # The CDK counts the stack itself, too.
            of = f" of {len(json.loads(template.read_text())['Resources']) + 1}" if template.exists() else ""
            return f"{event['stack']}: {event['done']}{of} resources, now {event['type']}"
        if "start: Publishing" in line or "creating stack" in line:
            return "publishing templates and functions"
    return "synthesising the templates; from the second start on they are kept"


def document_of(assembly: Path, document: str) -> dict[str, Any]:
    """The content of an SSM document in the synthesised templates, as AWS would get it."""
    for template in assembly.glob("*.template.json"):
        for resource in json.loads(template.read_text())["Resources"].values():
            if resource["Type"] == "AWS::SSM::Document" and resource["Properties"]["Name"] == document:
                content: dict[str, Any] = resource["Properties"]["Content"]
                return content
    raise DeployFailed(f"no template in {assembly} has the SSM document {document}; does infra/ define it?")


def run_instances(ec2: EC2Client, count: int) -> list[str]:
    """Start `count` instances with the tag of the inference role; returns their ids."""
    instances = ec2.run_instances(
        ImageId=IMAGE,
        MinCount=count,
        MaxCount=count,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": ROLE_TAG, "Value": INFERENCE_ROLE}]}],
    )["Instances"]
    return [instance["InstanceId"] for instance in instances]


def add_document(ssm: SSMClient, assembly: Path, name: str = INFER_DOCUMENT) -> None:
    """Register the SSM document `name` of the synthesised templates."""
    content = json.dumps(document_of(assembly, name))
    ssm.create_document(Content=content, Name=name, DocumentType="Command", DocumentFormat="JSON")


def access_keys(iam: Any, user: str, policy: str) -> dict[str, str]:
    """Access keys of a new user with the policy that an instance's role has on AWS, as environment variables."""
    iam.create_user(UserName=user)
    iam.attach_user_policy(UserName=user, PolicyArn=policy)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
