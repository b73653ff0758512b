"""The pipeline deployed by the CDK's own command line to a cloud that enforces IAM, and identities to try it with."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from local.aws import deploy
from local.environment import ROOT, base_environ
from local.ports import LOOPBACK, free_ports, listens
from local.record import ROOT_KEY, ROOT_SECRET
from retrain.subprocesses import with_pdeathsig
from tests.security.roles_alone import as_a_stack
from tests.waiting import until


@dataclass(frozen=True)
class Server:
    """Where the cloud listens: over TLS as far as it knows, in the clear, and for devices."""

    gateway: int
    plain: int
    mqtt: int
    clients: list[Any] = field(default_factory=list, repr=False)  # those in use, to be closed at the end

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.gateway}"

    def root(self, region: str, *, account: str = ROOT_KEY) -> Identity:
        """Who may everything in an account. The local cloud takes an account's number for its root's key."""
        return Identity(self, region, {"aws_access_key_id": account, "aws_secret_access_key": ROOT_SECRET})

    def nobody(self, region: str) -> Identity:
        """Who asks without any key."""
        return Identity(self, region, {})


@dataclass(frozen=True)
class Identity:
    """Somebody who asks."""

    server: Server
    region: str
    keys: Mapping[str, str] = field(repr=False)

    def client(self, service: str, *, plain: bool = False) -> Any:
        """A client that asks once; `plain`: in the clear."""
        config = Config(
            proxies={},
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": 1},
            signature_version=None if self.keys else UNSIGNED,
        )
        port = self.server.plain if plain else self.server.gateway
        make: Callable[..., Any] = boto3.Session(region_name=self.region).client  # knows literal names only
        client = make(
            service,
            endpoint_url=f"http://{LOOPBACK}:{port}",
            config=config,
            **self.keys,
        )
        self.server.clients.append(client)
        return client

    @cached_property
    def s3(self) -> Any:
        return self.client("s3")

    @cached_property
    def sqs(self) -> Any:
        return self.client("sqs")

    @cached_property
    def ssm(self) -> Any:
        return self.client("ssm")

    @cached_property
    def iot(self) -> Any:
        return self.client("iot")

    @cached_property
    def iot_data(self) -> Any:
        return self.client("iot-data")

    @cached_property
    def iam(self) -> Any:
        return self.client("iam")

    @cached_property
    def sts(self) -> Any:
        return self.client("sts")

    @cached_property
    def ec2(self) -> Any:
        return self.client("ec2")

    @cached_property
    def lambda_(self) -> Any:
        return self.client("lambda")

    @cached_property
    def logs(self) -> Any:
        return self.client("logs")

    @cached_property
    def dynamodb(self) -> Any:
        return self.client("dynamodb")

    @cached_property
    def kms(self) -> Any:
        return self.client("kms")


@dataclass(frozen=True)
class Deployed:
    """A deployed pipeline, with its own roles to take: the policies are those of the templates, unchanged."""

    server: Server
    region: str
    outputs: Mapping[str, str]
    assembly: Path

    @cached_property
    def root(self) -> Identity:
        return self.server.root(self.region)

    def __getitem__(self, output: str) -> str:
        return self.outputs[output]

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{deploy.ACCOUNT}:{resource}"

    def role_of(self, function: str) -> str:
        """The ARN of a function's role."""
        role: str = self.root.lambda_.get_function_configuration(FunctionName=function)["Role"]
        return role

    def with_role(self, role_arn: str) -> Identity:
        """A session under a deployed role.

        Its trust policy names a service, such as ec2.amazonaws.com. The local cloud lets the account's root stand for
        any service, and nobody else; the role stays as it was deployed.
        """
        given = self.root.sts.assume_role(RoleArn=role_arn, RoleSessionName="i-0123456789abcdef0")["Credentials"]
        return self.with_keys(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    def with_keys(self, key: str, secret: str, token: str) -> Identity:
        keys = {"aws_access_key_id": key, "aws_secret_access_key": secret, "aws_session_token": token}
        return Identity(self.server, self.region, keys)

    def add_roles_of(self, stack: str) -> dict[str, str]:
        """Deploy the roles and policies of another stack; the logical id of each role → its ARN.

        An instance's role then has both its shares: the pipeline's, and NunchiCompute's.
        """
        name, cloudformation = f"{stack}Roles", self.root.client("cloudformation")
        template = json.loads((self.assembly / f"{stack}.template.json").read_text())
        cloudformation.create_stack(
            StackName=name, TemplateBody=json.dumps(as_a_stack(template)), Capabilities=["CAPABILITY_NAMED_IAM"]
        )

        def told() -> Any:
            [found] = cloudformation.describe_stacks(StackName=name)["Stacks"]
            return found

        until(lambda: not told()["StackStatus"].endswith("_IN_PROGRESS"), within_s=60, what="the roles are deployed")
        made = told()
        assert made["StackStatus"] == "CREATE_COMPLETE", made.get("StackStatusReason")
        return {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}


@contextmanager
def server(folder: Path) -> Generator[Server, None, None]:
    """The local cloud's AWS on free ports, IAM and IoT policies enforced, for as long as the block lasts."""
    gateway, plain, mqtt = free_ports(3)
    running = Server(gateway, plain, mqtt)
    environ = base_environ(os.environ, endpoint=running.url) | {
        "GATEWAY_PORT": str(gateway),
        "PLAIN_PORT": str(plain),
        "IOT_MTLS_PORT": str(mqtt),
        "SFTP_ENABLED": "0",
        "AUTH": "true",
        "TMPDIR": str(folder),
        "PYTHONPATH": str(ROOT),
    }
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            with_pdeathsig([sys.executable, "-m", "tests.security.server"]),
            env=environ,
            cwd=ROOT,
            stdout=output,
            stderr=output,
            process_group=0,
        )
    try:

        def up() -> bool:
            assert process.poll() is None, log.read_text()
            return all(listens(port) for port in (gateway, plain, mqtt))

        until(up, within_s=60, what="the local AWS listens")
        yield running
    finally:
        for client in running.clients:
            client.close()
        os.killpg(process.pid, 9)
        process.wait()


def deployed(running: Server, folder: Path, region: str, **settings: str) -> Deployed:
    """Synthesise with `settings` (environment variables) and deploy the pipeline to a region."""
    cloudformation = running.root(region).client("cloudformation")
    deploy.bootstrap(cloudformation, region)
    assembly = folder / "assembly"
    environ = base_environ(os.environ, endpoint=running.url) | {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "NUNCHI_REGION": region,
        "CDK_HOME": str(folder / "cdk"),
        "CDK_DISABLE_CLI_TELEMETRY": "1",
        "CDK_DISABLE_VERSION_CHECK": "1",
        "PYTHONPATH": str(ROOT),
        **settings,
    }

    async def told() -> dict[str, str]:
        deployment = asyncio.create_task(
            deploy.deploy(environ=environ, assembly=assembly, log=folder / "cdk.log"), name="cdk"
        )
        outputs = await deploy.outputs(cloudformation, deployment)
        # The CDK goes on to look every five seconds; what it deployed is complete.
        deployment.cancel()
        await asyncio.wait({deployment})
        return outputs

    return Deployed(running, region, asyncio.run(told()), assembly)
