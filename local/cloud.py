"""The local cloud: its processes, in the order in which they start, and how they stop.

ministack ─ S3, SQS, Lambda, IAM, CloudFormation, IoT Core     (local/aws/ministack.py)
moto      ─ SSM and EC2, with the agent of the one instance    (local/aws/systems_manager.py)
provider  ─ S3 credentials for kiosks' certificates            (local/aws/credential_provider.py)
cdk       ─ deploys infra/'s pipeline stack, then ends         (local/aws/deploy.py)
training  ─ with --training: its stack, and machines on moto   (local/aws/training.py)
screen    ─ the agent of the kiosk at this machine, with its page; restarted, too       (local/screen.py)
workers   ─ the program of the instances; restarted when it dies, as by systemd   (local/workers.py)
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from config.names import PIPELINE_STACK, TRAINING_STACK
from local.aws import deploy, training
from local.aws.clients import client
from local.aws.fake_ec2 import power_off
from local.environment import ROOT, base_environ, operators_settings, search_path, worker_environ
from local.options import CloudOptions, Ports
from local.ports import LOOPBACK, answers, free_ports, listens, require_different, require_free
from local.progress import Kind, ProgressLog
from local.provisioning import SCREEN_KIOSK, Provisioning
from local.record import REGION, CloudState, Record, ScreenRecord, WorkerRecord
from local.screen import KeptScreen
from local.screen import command as screen_command
from local.state import StateDir
from local.subprocesses import Child
from local.workers import KeptWorker
from recipes.reading import KIOSK
from recipes.reading import load as load_recipe

_RETRAINING: Final = ("stepfunctions", "sns", "scheduler", "events")
_ON_MINISTACK: Final = ("s3", "sqs", "dynamodb", "iot", "lambda", "iam", "sts", "cloudformation", "logs", *_RETRAINING)
_ON_MOTO: Final = ("ssm", "ec2")
READY_S: Final = 60.0
_LATE: Final = f"did not answer within {READY_S:g} s"


class Cloud:
    """One cloud in one state folder. `run` starts it, keeps it up, and leaves no process behind, however it ends."""

    def __init__(
        self, state: StateDir, ports: Ports, options: CloudOptions, progress: ProgressLog, environ: Mapping[str, str]
    ) -> None:
        require_different(ports.gateway, ports.mqtt, "--port and --mqtt-port")
        require_different(ports.gateway, ports.screen, "--port and --screen-port")
        require_different(ports.mqtt, ports.screen, "--mqtt-port and --screen-port")
        free = [port for port in free_ports(8) if port not in (ports.gateway, ports.mqtt, ports.screen)]
        self._gateway = require_free(ports.gateway, "--port") if ports.gateway else free[0]
        self._mqtt = require_free(ports.mqtt, "--mqtt-port") if ports.mqtt else free[1]
        self._ssm, self._provider_port = free[2], free[3]
        self._screen_port = require_free(ports.screen, "--screen-port") if ports.screen else free[4]
        self._worker_broker = ports.worker_broker or self._mqtt
        self._options = options
        self._state = state
        self._progress = progress
        self._environ = environ
        path = search_path(environ)
        deploy.require_tools(path)
        self._aws_url, self._ssm_url = f"http://{LOOPBACK}:{self._gateway}", f"http://{LOOPBACK}:{self._ssm}"
        endpoints = dict.fromkeys(_ON_MINISTACK, self._aws_url) | dict.fromkeys(_ON_MOTO, self._ssm_url)
        self._provisioning = Provisioning(
            state, options, environ, endpoints, mqtt=self._mqtt, provider=self._provider_port
        )
        self._cloudformation = client("cloudformation", endpoint=self._aws_url, region=REGION)
        self._ministack = self._child(
            "ministack",
            "local.aws.ministack",
            GATEWAY_PORT=str(self._gateway),
            IOT_MTLS_PORT=str(self._mqtt),
            MINISTACK_REGION=REGION,
            SFTP_ENABLED="0",
            AWS_ENDPOINT_URL_SSM=self._ssm_url,  # for the Lambdas; the CDK's own parameters stay in ministack
            AWS_ENDPOINT_URL_EC2=self._ssm_url,
            AUTH="true",  # enforce IoT and IAM policies, as AWS does
            TMPDIR=str(state.scratch),
        )
        self._moto = self._child(
            "systems-manager",
            "local.aws.systems_manager",
            MOTO_ACCOUNT_ID=deploy.ACCOUNT,
            NUNCHI_SSM_PORT=str(self._ssm),
            # The environment of scripts on an instance.
            NUNCHI_SSM_CLOUD=str(state.path),
            NUNCHI_SSM_AGENT_ENV=json.dumps(
                {"NUNCHI_HOME": str(ROOT), "NUNCHI_SOCKET": str(state.socket)}
                | training.machine_environ(path, state.training, self._ssm_url)
            ),
        )
        self._deployment: asyncio.Task[None] | None = None
        self._provider: Child | None = None
        self._workers: list[KeptWorker] = []
        self._screen: KeptScreen | None = None
        self._record: Record | None = None
        self._up = False

    @property
    def _cdk_log(self) -> Path:
        return self._state.logs / "cdk.log"

    async def run(self) -> None:
        """Start, report that it is up, keep it up until cancelled. CloudError when it fails."""
        try:
            await self._start()
            self._progress.say(Kind.READY, "the cloud is up")
            await _run_until_one_fails(
                self._deployment_ended(),
                *(worker.keep() for worker in self._workers),
                *([self._screen.keep()] if self._screen else []),
                *(_fail_when_ended(child) for child in (self._ministack, self._moto, self._provider) if child),
            )
        finally:
            await self._stop()

    async def _start(self) -> None:
        self._progress.say(Kind.PHASE, "starting S3, SQS, Lambda, IoT Core, SSM")
        await asyncio.gather(self._ministack.start(), self._moto.start())
        await asyncio.gather(
            self._ministack.until(lambda: answers(f"{self._aws_url}/_ministack/ready"), within_s=READY_S, late=_LATE),
            self._moto.until(lambda: answers(f"{self._ssm_url}/moto-api/"), within_s=READY_S, late=_LATE),
        )
        self._progress.say(Kind.PHASE, "deploying the pipeline with the CDK")
        await asyncio.to_thread(deploy.bootstrap, self._cloudformation, REGION)
        self._deployment = asyncio.create_task(self._deploy(), name="cdk")
        # The CDK's synthesis keeps one core busy; meanwhile, prepare what does not need the pipeline.
        async with self._telling():
            await asyncio.to_thread(self._provisioning.prepare)
            outputs = await deploy.outputs(self._cloudformation, self._deployment)
        self._progress.say(Kind.PHASE, "registering the instance, the kiosk, their certificates")
        record = self._record = await asyncio.to_thread(self._provisioning.complete, outputs)
        keys = await asyncio.to_thread(self._provisioning.worker_keys, outputs)
        self._provider = self._child(
            "credentials", "local.aws.credential_provider", **self._provisioning.provider_environ(outputs)
        )
        await self._provider.start()
        if self._options.recipe == KIOSK:
            self._screen = await self._start_screen(record, outputs)
        count = len(record.workers)
        workers = "the worker and its model" if count == 1 else f"{count} workers, each with its model"
        self._progress.say(Kind.PHASE, f"starting {workers}")
        self._workers = [self._worker(worker, record, keys) for worker in record.workers]
        broker = f"{LOOPBACK}:{self._worker_broker}"
        await asyncio.gather(*(worker.start(broker=broker) for worker in self._workers))
        await self._provider.until(lambda: listens(self._provider_port), within_s=READY_S, late=_LATE)
        if self._screen:
            await self._screen.ready()
        if self._options.training:
            self._progress.say(Kind.PHASE, "waiting for the retraining's state machine")
            async with self._telling():
                await deploy.outputs(self._cloudformation, self._deployment, TRAINING_STACK)
        self._up = True
        self._state.write(self._record)

    async def _start_screen(self, record: Record, outputs: Mapping[str, str]) -> KeptScreen:
        """Start the screen's agent beside the workers, which take longer."""
        await asyncio.to_thread(self._provisioning.screen_folder, record, outputs)
        url = f"http://{LOOPBACK}:{self._screen_port}"
        child = self._child("screen", "kiosk", *screen_command(self._state.screen, self._screen_port, ROOT / "samples"))
        self._record = replace(record, screen=ScreenRecord(url, SCREEN_KIOSK))
        screen = KeptScreen(child, url, note=lambda text: self._progress.say(Kind.NOTE, text))
        await screen.start()
        return screen

    def _worker(self, worker: WorkerRecord, record: Record, keys: Mapping[str, str]) -> KeptWorker:
        environ = worker_environ(
            worker,
            record,
            broker_port=self._worker_broker,
            state=self._state,
            recipe=self._options.recipe,
            inference=self._options.inference,
            environ=self._environ,
        )
        return KeptWorker(
            self._child(worker.socket.stem, "worker", **environ, **keys),
            worker,
            changed=self._worker_changed,
            note=lambda text: self._progress.say(Kind.NOTE, text),
        )

    @asynccontextmanager
    async def _telling(self) -> AsyncGenerator[None, None]:
        """Within the block a line about the deployment every few seconds."""
        telling = asyncio.create_task(self._tell_deployment())
        try:
            yield
        finally:
            telling.cancel()

    async def _tell_deployment(self) -> None:
        while True:
            await asyncio.sleep(deploy.TELL_S)
            self._progress.say(
                Kind.PHASE, f"  {await asyncio.to_thread(deploy.state_of, self._cdk_log, self._state.assembly)}"
            )

    async def _deploy(self) -> None:
        await deploy.deploy(
            environ=base_environ(self._environ, endpoint=self._aws_url)
            | {"CDK_HOME": str(self._state.scratch / "cdk"), "PYTHONPATH": str(ROOT)}
            | {"CDK_DISABLE_CLI_TELEMETRY": "1", "CDK_DISABLE_VERSION_CHECK": "1"}
            | {"NUNCHI_PACE": "local"}
            | operators_settings(self._environ, mode=self._options.mode)
            | {"NUNCHI_DELETES_UPLOADS": "no" if load_recipe(self._options.recipe).keep.upload else "yes"},
            stacks=(PIPELINE_STACK, TRAINING_STACK) if self._options.training else (PIPELINE_STACK,),
            assembly=self._state.assembly,
            log=self._cdk_log,
        )

    async def _deployment_ended(self) -> None:
        # The stack is complete; the CDK notices up to five seconds later, and may still fail.
        if self._deployment is not None:
            await self._deployment

    def _worker_changed(self, worker: WorkerRecord) -> None:
        """Write the record: the cloud is up as long as one worker is."""
        assert self._record is not None  # noqa: S101 - workers start after it is set
        workers = tuple(worker if old.instance == worker.instance else old for old in self._record.workers)
        state = CloudState.UP if any(each.pid is not None for each in workers) else CloudState.STARTING
        self._record = replace(self._record, workers=workers, state=state)
        if self._up:
            self._state.write(self._record)

    async def _stop(self) -> None:
        if self._deployment is not None:
            self._deployment.cancel()
            await asyncio.wait({self._deployment})
        # The workers first: they finish their photos, and need the other processes for that.
        screen = [self._screen.stop()] if self._screen else []
        await asyncio.gather(*screen, *(worker.stop() for worker in self._workers))
        # These hold no state that outlives them, so they need no grace.
        others = [child for child in (self._provider, self._moto, self._ministack) if child is not None]
        await asyncio.gather(*(child.stop(grace_s=0) for child in others))
        await asyncio.to_thread(power_off, self._state.path)  # and the processes of training machines

    def _child(self, name: str, module: str, *arguments: str, **environ: str) -> Child:
        return Child(
            name,
            [sys.executable, "-m", module, *arguments],
            environ=base_environ(self._environ, endpoint=self._aws_url) | environ,
            cwd=ROOT,
            log=self._state.logs / f"{name}.log",
        )


async def _fail_when_ended(child: Child) -> None:
    status = await child.ended()
    raise child.failure(f"ended with status {status}; its state is lost, so the cloud stops")


async def _run_until_one_fails(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run them concurrently until one raises or this is cancelled; then cancel the others."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
