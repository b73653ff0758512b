"""Provisioning of a local cloud: instances, devices' certificates, access keys; and the record that names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from config.mode import Mode
from config.names import INSTANCE_PARAMETER
from config.stack_outputs import (
    DEAD_QUEUE_URL,
    KIOSK_POLICY_NAME,
    KIOSK_ROLE_ALIAS_NAME,
    KIOSK_ROLE_ARN,
    UPLOAD_QUEUE_URL,
    WORKER_ACCESS_ARN,
    WORKER_POLICY_NAME,
    buckets_of,
    tables_of,
)
from contracts.names import label_topic
from fleet.folder import DeviceFolder
from fleet.kiosks import Kiosks
from local.aws import credential_provider as credentials
from local.aws import deploy, training
from local.aws.clients import client
from local.aws.iot_devices import Registry
from local.environment import gate_of
from local.kiosk_addresses import addresses_of
from local.options import CloudOptions
from local.ports import LOOPBACK
from local.record import REGION, CloudState, Mqtt, Record, WorkerRecord
from local.state import StateDir

KIOSK: Final = "demo"
# The screen at this machine has a certificate of its own: two clients with one id disconnect each other.
SCREEN_KIOSK: Final = "counter"


class Provisioning:
    """`prepare` registers what needs no stack, while the CDK synthesises; `complete` the rest.

    `mqtt` and `provider` are the ports of the broker and of the credential provider.
    """

    def __init__(
        self,
        state: StateDir,
        options: CloudOptions,
        environ: Mapping[str, str],
        endpoints: Mapping[str, str],
        *,
        mqtt: int,
        provider: int,
    ) -> None:
        self._state, self._options, self._environ = state, options, environ
        self._endpoints, self._mqtt, self._provider = endpoints, mqtt, provider
        self._gate = gate_of(environ, options.inference)

    def prepare(self) -> None:
        """Start the instances, and create the certificates of the observer and of the credential provider."""
        self._registry = Registry(self._client("iot"), endpoint=self._endpoints["iot"], certs=self._state.certs)
        authority, *self._provider_files = credentials.make_server_certificate(self._state.certs)
        self._ca = self._registry.fetch_ca(authority)
        self._observer = self._registry.add_observer()
        self._instances = deploy.run_instances(self._client("ec2"), self._options.workers)

    def complete(self, outputs: Mapping[str, str]) -> Record:
        """Register the devices and, by mode and options, what only AWS's other stacks have; returns the record.

        `outputs` are those of the pipeline stack, here and below.
        """
        if self._options.mode is Mode.COMMAND:
            ssm = self._client("ssm")
            deploy.add_document(ssm, self._state.assembly)
            ssm.put_parameter(Name=INSTANCE_PARAMETER, Value=self._instances[0], Type="String", Overwrite=True)
        if self._options.training:
            training.provision(
                self._state,
                outputs,
                client=self._client,
                endpoint=self._endpoints["s3"],
                gate=self._gate,
                recipe=self._options.recipe,
                environ=self._environ,
            )
        for instance in self._instances:
            self._registry.add_worker(instance, policy=outputs[WORKER_POLICY_NAME])
        cert, key = self._registry.add_kiosk(KIOSK, policy=outputs[KIOSK_POLICY_NAME])
        device = Mqtt(LOOPBACK, self._mqtt, self._ca, cert, key, label_topic(KIOSK), client_id=KIOSK)
        cert, key = self._observer
        return Record(
            region=REGION,
            endpoints=self._endpoints,
            buckets=buckets_of(outputs),
            tables=tables_of(outputs),
            queues={"uploads": outputs[UPLOAD_QUEUE_URL], "dead": outputs[DEAD_QUEUE_URL]},
            mqtt=replace(device, cert=cert, key=key, client_id=None),
            device=device,
            kiosk=KIOSK,
            mode=self._options.mode,
            workers=tuple(
                WorkerRecord(instance, None, self._state.socket_of(number))
                for number, instance in enumerate(self._instances, start=1)
            ),
            credentials_url=credentials.url(self._provider, outputs[KIOSK_ROLE_ALIAS_NAME]),
            recipe=self._options.recipe,
            gate=self._gate,
            state=CloudState.STARTING,
            training=self._options.training,
        )

    def screen_folder(self, record: Record, outputs: Mapping[str, str]) -> None:
        """Add the kiosk of the screen, with its folder as `nunchi kiosk add` writes it."""
        identity = Kiosks(self._client("iot"), policy=outputs[KIOSK_POLICY_NAME]).add(SCREEN_KIOSK)
        folder = DeviceFolder(self._state.screen, SCREEN_KIOSK)
        folder.write(identity, addresses_of(record), self._ca.read_text(), rules=self._options.rules)

    def worker_keys(self, outputs: Mapping[str, str]) -> dict[str, str]:
        """Access keys with the rights that a worker's instance has on AWS, as environment variables."""
        return deploy.access_keys(self._client("iam"), "worker", outputs[WORKER_ACCESS_ARN])

    def provider_environ(self, outputs: Mapping[str, str]) -> dict[str, str]:
        """The environment variables of the credential provider."""
        alias = credentials.Alias(outputs[KIOSK_ROLE_ALIAS_NAME], outputs[KIOSK_ROLE_ARN])
        cert, key = self._provider_files
        return credentials.environ(self._provider, alias, ca=self._ca, cert=cert, key=key)

    def _client(self, service: str) -> Any:
        return client(service, endpoint=self._endpoints[service], region=REGION)
