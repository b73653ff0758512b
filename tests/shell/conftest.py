"""An account of AWS as a machine sees it when it boots: IoT Core, EC2, the enrolment function, instance metadata."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from lambdas.enrol import Enrolment, EnrolSettings
from local.ports import LOOPBACK, free_ports
from tests.broker import IoTCore, iot_core
from tests.infra.assembly import ROOT
from tests.shell.http_stand_ins import Functions, Handler, Metadata, serving
from tests.shell.machine import Machine, machine

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_iot import IoTClient

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
INFERENCE = [{"Key": "nunchi:role", "Value": "inference"}]


@dataclass(frozen=True)
class Account:
    """Clients, and where the services are."""

    broker: IoTCore
    ec2: EC2Client
    iot: IoTClient
    functions: Functions

    def launch(self, tags: list[dict[str, str]]) -> str:
        """A running instance; its id."""
        specifications: Any = [{"ResourceType": "instance", "Tags": tags}] if tags else []
        answer = self.ec2.run_instances(
            ImageId="ami-12c6146b",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=specifications,
        )
        return answer["Instances"][0]["InstanceId"]

    def certificates(self, thing: str) -> list[str]:
        return self.iot.list_thing_principals(thingName=thing)["principals"]

    @contextmanager
    def booting(self, instance_id: str, **environ: str) -> Generator[Machine, None, None]:
        """The machine of an instance, before its user data runs boot.sh."""
        metadata = Metadata({"instance-id": instance_id})
        exported = {
            "AWS_ENDPOINT_URL_LAMBDA": self.functions.url,
            "NUNCHI_IMDS": metadata.url,
            "NUNCHI_IMAGES_BUCKET": "images",
            "NUNCHI_DATASET_BUCKET": "dataset",
            "NUNCHI_ENROL_FUNCTION": "enrol",
            "NUNCHI_MQTT_PORT": str(self.broker.port),
            "NUNCHI_MQTT_CA": str(self.broker.ca),
            "NUNCHI_STACK": "NunchiCompute",
            "NUNCHI_RESOURCE": "Instance",
        }
        credentials = {**CREDENTIALS, "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:1"}
        with (
            tempfile.TemporaryDirectory(prefix="nunchi-") as folder,
            serving(metadata),
            machine(Path(folder), credentials=credentials, exported=exported | environ) as booting,
        ):
            yield booting


@pytest.fixture(scope="session")
def account(packages: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:  # noqa: ARG001
    [port] = free_ports(1)
    moto = ThreadedMotoServer(ip_address=LOOPBACK, port=port, verbose=False)
    with ExitStack() as stack:
        broker = stack.enter_context(iot_core(tmp_path_factory.mktemp("iot")))
        moto.start()
        stack.callback(moto.stop)

        def client(service: Any, url: str) -> Any:
            return boto3.client(
                service,
                endpoint_url=url,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(proxies={}),
            )

        ec2, iot = client("ec2", f"http://{LOOPBACK}:{port}"), client("iot", broker.url)
        enrol = Enrolment(ec2=ec2, iot=iot, settings=EnrolSettings(worker_policy="everything"))
        functions = Functions(enrol=_at_loopback(enrol), broken=_broken, late=_late(_at_loopback(enrol)))
        stack.enter_context(serving(functions))
        yield Account(broker, ec2, iot, functions)


def _at_loopback(enrol: Enrolment) -> Handler:
    """The broker's name as IoT Core says it is looked up in AWS's DNS; ours is on this machine."""

    def handler(event: Any, context: None) -> dict[str, str]:
        answer = enrol(event, context)
        return answer | {"mqtt_host": LOOPBACK} if "mqtt_host" in answer else answer

    return handler


def _broken(_event: Any, _context: None) -> None:
    raise RuntimeError("the role may not sign")


def _late(handler: Handler) -> Handler:
    """At a first boot the function's role may be seconds younger than the machine."""
    tries = iter([_broken])

    def first_late(event: Any, context: None) -> Any:
        return next(tries, handler)(event, context)

    return first_late


@pytest.fixture(scope="session")
def packages() -> None:
    """What the worker needs must be in uv's cache, where `make setup` leaves it: tests fetch nothing."""
    with tempfile.TemporaryDirectory() as folder:
        tried = subprocess.run(
            [
                *("uv", "pip", "install", "--offline", "--quiet", "--target", folder),
                *("--require-hashes", "--requirement", ROOT / "worker/requirements.txt"),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    if tried.returncode:
        pytest.skip(f"uv's cache lacks the worker's packages (rm -r .venv; make setup fills it): {tried.stderr}")
