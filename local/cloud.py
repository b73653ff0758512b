"""The cloud on one machine: what is started, in which order, and how all of it ends.

ministack ─ S3, SQS, Lambda, IAM, CloudFormation, IoT Core     (local/aws.py)
moto      ─ SSM and EC2, with the agent of the one instance    (local/systems_manager.py)
cdk       ─ deploys infra/'s pipeline stack, then leaves       (local/deploy.py)
worker    ─ what runs on the instance; started again when it dies, as systemd would
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from contracts.names import label_topic
from local import deploy, worker_socket
from local.children import Child
from local.devices import Registry, worker_keys
from local.environment import ROOT, base_environ, search_path, worker_environ
from local.errors import ChildFailed
from local.ports import LOOPBACK, free_ports, require_different, require_free
from local.progress import Kind, Progress
from local.record import REGION, Mqtt, Record, State, Worker, client
from local.state import StateDir

_ON_MINISTACK: Final = ("s3", "sqs", "iot", "lambda", "iam", "sts", "cloudformation", "logs")
_ON_MOTO: Final = ("ssm", "ec2")
KIOSK: Final = "demo"
READY_S: Final = 60.0
BROKER_S: Final = 20.0
LOOK_EVERY_S: Final = 0.05
WORKER_GRACE_S: Final = 25.0  # the worker gives itself 20 s for the work in hand
BACKOFF_FIRST_S: Final = 0.2
BACKOFF_LAST_S: Final = 10.0
STEADY_S: Final = 30.0  # a worker that lived this long is started again at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Where to listen; None takes a free port. `worker_broker` is where the worker looks for the broker: a port of a
    proxy in between lets a test cut the worker's network."""

    gateway: int | None = None
    mqtt: int | None = None
    worker_broker: int | None = None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What was made while the CDK was busy."""

    registry: Registry
    ca: Path
    observer: tuple[Path, Path]
    instance: str
    ssm: Any
    iam: Any


class Cloud:
    """One cloud in one state folder. `run` starts it, keeps it, and leaves nothing behind, however it ends."""

    def __init__(self, state: StateDir, ports: Ports, progress: Progress, environ: Mapping[str, str]) -> None:
        require_different(ports.gateway, ports.mqtt, "--port and --mqtt-port")
        free = [port for port in free_ports(5) if port not in (ports.gateway, ports.mqtt)]
        self._gateway = require_free(ports.gateway, "--port") if ports.gateway else free[0]
        self._mqtt = require_free(ports.mqtt, "--mqtt-port") if ports.mqtt else free[1]
        self._ssm = free[2]
        self._worker_broker = ports.worker_broker or self._mqtt
        self._state = state
        self._progress = progress
        self._environ = environ
        self._path = search_path(environ)
        deploy.require_tools(self._path)
        self._aws_url, self._ssm_url = f"http://{LOOPBACK}:{self._gateway}", f"http://{LOOPBACK}:{self._ssm}"
        self._endpoints = dict.fromkeys(_ON_MINISTACK, self._aws_url) | dict.fromkeys(_ON_MOTO, self._ssm_url)
        self._cloudformation = self._client("cloudformation")
        self._ministack = self._child(
            "ministack",
            "local.aws",
            GATEWAY_PORT=str(self._gateway),
            IOT_MTLS_PORT=str(self._mqtt),
            MINISTACK_REGION=REGION,
            SFTP_ENABLED="0",
            AWS_ENDPOINT_URL_SSM=self._ssm_url,  # the Lambdas inherit it; the CDK's own parameters stay with ministack
            AUTH="true",  # IoT and IAM policies hold here as they do on AWS
            TMPDIR=str(state.scratch),
        )
        self._moto = self._child(
            "systems-manager",
            "local.systems_manager",
            MOTO_ACCOUNT_ID=deploy.ACCOUNT,
            NUNCHI_SSM_PORT=str(self._ssm),
            # What a script finds on the instance.
            NUNCHI_SSM_AGENT_ENV=json.dumps(
                {"PATH": self._path, "NUNCHI_HOME": str(ROOT), "NUNCHI_SOCKET": str(state.socket)}
            ),
        )
        self._deployment: asyncio.Task[None] | None = None
        self._worker: Child | None = None

    async def run(self) -> None:
        """Start, say that it is ready, keep it going until cancelled. Raises CloudError when it can't go on."""
        try:
            record = await self._start()
            self._state.write(record)
            self._progress.say(Kind.READY, "the cloud is up")
            await _first_to_fail(
                self._deployment_ended(),
                self._keep_worker(record),
                _fail_when_ended(self._ministack),
                _fail_when_ended(self._moto),
            )
        finally:
            await self._stop()

    async def _start(self) -> Record:
        self._progress.say(Kind.PHASE, "starting S3, SQS, Lambda, IoT Core, SSM")
        await asyncio.gather(self._ministack.start(), self._moto.start())
        await asyncio.gather(
            _answers(self._ministack, f"{self._aws_url}/_ministack/ready"),
            _answers(self._moto, f"{self._ssm_url}/moto-api/"),
        )
        self._progress.say(Kind.PHASE, "deploying the pipeline with the CDK")
        await asyncio.to_thread(deploy.bootstrap, self._cloudformation, REGION)
        self._deployment = asyncio.create_task(self._deploy(), name="cdk")
        # Beside the CDK's synthesis, which keeps one core busy, goes what needs nothing of the pipeline's.
        prepared = await asyncio.to_thread(self._prepare)
        outputs = await deploy.outputs(self._cloudformation, self._deployment)
        self._progress.say(Kind.PHASE, "registering the instance, the kiosk, their certificates")
        record, worker_keys = await asyncio.to_thread(self._provision, prepared, outputs)
        self._progress.say(Kind.PHASE, "starting the worker and its model")
        environ = worker_environ(record, broker_port=self._worker_broker, state=self._state, environ=self._environ)
        self._worker = self._child("worker", "worker", **environ, **worker_keys)
        await self._worker.start()
        record = await self._with_ready_worker(record, self._worker)
        await reached_broker(self._worker, record.worker.socket, f"{LOOPBACK}:{self._worker_broker}")
        return record

    async def _deploy(self) -> None:
        await deploy.deploy(
            environ=base_environ(self._environ, endpoint=self._aws_url)
            | {"CDK_HOME": str(self._state.scratch / "cdk"), "PYTHONPATH": str(ROOT)}
            | {"CDK_DISABLE_CLI_TELEMETRY": "1", "CDK_DISABLE_VERSION_CHECK": "1"},
            assembly=self._state.assembly,
            log=self._state.logs / "cdk.log",
        )

    async def _deployment_ended(self) -> None:
        # The stack is complete; the CDK finds that out up to five seconds later, and might still object to something.
        if self._deployment is not None:
            await self._deployment

    def _prepare(self) -> _Prepared:
        registry = Registry(self._client("iot"), endpoint=self._aws_url, certs=self._state.certs)
        return _Prepared(
            registry=registry,
            ca=registry.fetch_ca(),
            observer=registry.add_observer(),
            instance=deploy.run_instance(self._client("ec2")),
            ssm=self._client("ssm"),
            iam=self._client("iam"),
        )

    def _provision(self, prepared: _Prepared, outputs: Mapping[str, str]) -> tuple[Record, dict[str, str]]:
        deploy.register_instance(prepared.ssm, prepared.instance, deploy.document_of(self._state.assembly))
        prepared.registry.add_thing(prepared.instance, policy=outputs["WorkerPolicyName"])
        cert, key = prepared.registry.add_thing(KIOSK, policy=outputs["KioskPolicyName"])
        device = Mqtt(LOOPBACK, self._mqtt, prepared.ca, cert, key, label_topic(KIOSK), client_id=KIOSK)
        cert, key = prepared.observer
        record = Record(
            region=REGION,
            endpoints=self._endpoints,
            buckets={name: outputs[f"{name.capitalize()}Bucket"] for name in ("images", "dataset", "weights")},
            queues={"uploads": outputs["UploadQueueUrl"], "dead": outputs["DeadQueueUrl"]},
            mqtt=replace(device, cert=cert, key=key, client_id=None),
            device=device,
            kiosk=KIOSK,
            instance=prepared.instance,
            worker=Worker(None, self._state.socket),
            state=State.STARTING,
        )
        return record, worker_keys(prepared.iam, outputs["WorkerAccessArn"])

    async def _with_ready_worker(self, record: Record, worker: Child) -> Record:
        deadline = time.monotonic() + READY_S
        while not await asyncio.to_thread(worker_socket.ready, record.worker.socket):
            if worker.pid is None:
                raise worker.failure("ended while it started")
            if time.monotonic() > deadline:
                raise worker.failure(f"was not ready within {READY_S:g} s")
            await asyncio.sleep(LOOK_EVERY_S)
        model = await asyncio.to_thread(worker_socket.model, record.worker.socket)
        return replace(record, state=State.UP, worker=Worker(worker.pid, record.worker.socket, model))

    async def _keep_worker(self, record: Record) -> None:
        pause_s = BACKOFF_FIRST_S
        while True:
            assert self._worker is not None  # noqa: S101 - started before the record was written
            since = time.monotonic()
            status = await self._worker.ended()
            self._state.write(replace(record, state=State.STARTING, worker=replace(record.worker, pid=None)))
            if time.monotonic() - since > STEADY_S:
                pause_s = BACKOFF_FIRST_S
            self._progress.say(Kind.NOTE, f"the worker ended with status {status}; starting it again")
            await asyncio.sleep(pause_s)
            pause_s = min(BACKOFF_LAST_S, 2 * pause_s)
            await self._worker.start()
            try:
                record = await self._with_ready_worker(record, self._worker)
            except ChildFailed as failure:
                self._progress.say(Kind.NOTE, str(failure))
                await self._worker.stop(grace_s=WORKER_GRACE_S)
            else:
                self._state.write(record)
                self._progress.say(Kind.NOTE, f"worker {self._worker.pid} is ready")

    async def _stop(self) -> None:
        if self._deployment is not None:
            self._deployment.cancel()
            await asyncio.wait({self._deployment})
        # The worker first: it finishes the work in hand, and needs the others for that.
        if self._worker is not None:
            await self._worker.stop(grace_s=WORKER_GRACE_S)
        # These hold nothing that outlives them.
        await asyncio.gather(self._moto.stop(grace_s=0), self._ministack.stop(grace_s=0))

    def _child(self, name: str, module: str, **environ: str) -> Child:
        return Child(
            name,
            [sys.executable, "-m", module],
            environ=base_environ(self._environ, endpoint=self._aws_url) | environ,
            cwd=ROOT,
            log=self._state.logs / f"{name}.log",
        )

    def _client(self, service: str) -> Any:
        return client(service, endpoint=self._endpoints[service], region=REGION)


async def reached_broker(worker: Child, socket: Path, address: str, *, within_s: float = BROKER_S) -> None:
    """Wait until the worker can tell labels; ChildFailed when it ends first, or can't in time.

    At the start only: a worker that is started again while its network is away goes on without, as on AWS.
    """
    deadline = time.monotonic() + within_s
    while not await asyncio.to_thread(worker_socket.broker_connected, socket):
        if worker.pid is None:
            raise worker.failure("ended while it started")
        if time.monotonic() > deadline:
            raise worker.failure(
                f"did not reach the MQTT broker at {address} within {within_s:g} s: no label would arrive"
            )
        await asyncio.sleep(LOOK_EVERY_S)


async def _answers(child: Child, url: str) -> None:
    """Wait until `url` answers 200; ChildFailed when the child ends first, or is not there in time."""
    deadline = time.monotonic() + READY_S
    while not await asyncio.to_thread(_ok, url):
        if child.pid is None:
            raise child.failure("ended while it started")
        if time.monotonic() > deadline:
            raise child.failure(f"did not answer within {READY_S:g} s")
        await asyncio.sleep(LOOK_EVERY_S)


def _ok(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


async def _fail_when_ended(child: Child) -> None:
    status = await child.ended()
    raise child.failure(f"ended with status {status}, and with it all that the cloud held")


async def _first_to_fail(*running: Coroutine[Any, Any, None]) -> None:
    """Run them until one raises, or we are cancelled; the others are cancelled with it."""
    tasks = [asyncio.create_task(one) for one in running]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
