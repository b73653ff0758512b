"""Both kinds of deployment, for all tests of who may do what.

`shop`: as nunchi.toml is, mode command. `chain`: mode queue, with the operator's own key, in another region.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from local.aws.credential_provider import Alias, CredentialProvider
from local.aws.deploy import ACCOUNT
from local.aws.iot_devices import Registry
from tests.infra.assembly import Template
from tests.security.deployment import Deployed, Identity, deployed, server

KIOSK, OTHER_KIOSK = "lobby", "terrace"
WORKER_INSTANCE, OTHER_INSTANCE = "i-0123456789abcdef0", "i-00000000000000001"
IMAGE = "01jd8v2k5e9m3x7q4r6t0w1y2z"


class People:
    """Everybody who has a role in a deployment, with the rights that it gave them; and what there is to be had."""

    def __init__(self, place: Deployed, certs: Path) -> None:
        self.place = place
        self.root = place.root
        self.images, self.dataset, self.weights = (place[f"{name}Bucket"] for name in ("Images", "Dataset", "Weights"))
        self.uploads, self.dead = place["UploadQueueUrl"], place["DeadQueueUrl"]
        self.orders = place["OrdersTable"]
        self.registry = Registry(place.root.iot, endpoint=place.server.url, certs=certs)
        self.ca = self.registry.fetch_ca()
        self.devices = {
            name: self.registry.add_kiosk(name, policy=place["KioskPolicyName"]) for name in (KIOSK, OTHER_KIOSK)
        }
        for name in (WORKER_INSTANCE, OTHER_INSTANCE):
            self.devices[name] = self.registry.add_worker(name, policy=place["WorkerPolicyName"])
        # In this order: NunchiCompute lets a role of NunchiTraining's start machines.
        stacks = ("NunchiTraining", "NunchiCompute", "NunchiHealth")
        self.roles = {name: arn for stack in stacks for name, arn in place.add_roles_of(stack).items()}
        self.assets = f"cdk-hnb659fds-assets-{ACCOUNT}-{place.region}"
        self.upload = f"uploads/{KIOSK}/{IMAGE}.jpg"
        self.result = f"results/{KIOSK}/{IMAGE}.json"
        for bucket, key in (
            (self.images, self.upload),
            (self.images, f"uploads/{OTHER_KIOSK}/{IMAGE}.jpg"),
            (self.images, self.result),
            (self.dataset, f"auto/images/{KIOSK}/{IMAGE}.jpg"),
            (self.dataset, "golden/images/one.jpg"),
            (self.weights, "current.json"),
            (self.weights, "runs/1/model.onnx"),
        ):
            self.root.s3.put_object(Bucket=bucket, Key=key, Body=b"a photo of somebody")

    def policy_of_images(self) -> str:
        """The policy that the images bucket was deployed with."""
        policy: str = self.root.s3.get_bucket_policy(Bucket=self.images)["Policy"]
        return policy

    def own_key(self) -> str:
        """The ARN of the operator's key."""
        [key] = [one for one in self.resources() if one["ResourceType"] == "AWS::KMS::Key"]
        return self.place.arn("kms", f"key/{key['PhysicalResourceId']}")

    def resources(self) -> list[Any]:
        """What the pipeline's stack holds."""
        cloudformation = self.root.client("cloudformation")
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName="NunchiPipeline")
        return [one for page in pages for one in page["StackResourceSummaries"]]

    def code_asset(self) -> tuple[str, str]:
        """Bucket and key of the zip that instances fetch, as the template's user data will name them."""
        template = Template(self.place.assembly / "NunchiCompute.template.json")
        [key] = {
            match[1]
            for policy in template.all("AWS::IAM::ManagedPolicy")
            if policy["Description"].startswith("Nunchi instance:")
            for match in [re.search(r"([0-9a-f]{64}\.zip)", json.dumps(policy["PolicyDocument"]))]
            if match
        }
        return self.assets, key

    def version_of_weights(self) -> str:
        """A version of weights that were deployed."""
        version: str = self.root.s3.head_object(Bucket=self.weights, Key="runs/1/model.onnx")["VersionId"]
        return version

    def with_certificate(self, thing: str | None, of: str = KIOSK) -> Identity:
        """Who has the certificate of the kiosk `of`, as the credential provider lets them in under a thing's name."""
        place, iot = self.place, self.root.iot
        alias = Alias(place["KioskRoleAliasName"], place["KioskRoleArn"])
        [principal] = iot.list_thing_principals(thingName=of)["principals"]
        provider = CredentialProvider(iot, self.root.iam, self.root.sts, alias)
        given = provider.credentials(alias.name, principal.rpartition("/")[2], thing)
        return place.with_keys(given["accessKeyId"], given["secretAccessKey"], given["sessionToken"])

    @cached_property
    def kiosk(self) -> Identity:
        return self.with_certificate(KIOSK)

    @cached_property
    def nameless(self) -> Identity:
        """A kiosk's certificate whose holder did not say which thing it is."""
        return self.with_certificate(None)

    @cached_property
    def worker(self) -> Identity:
        """An instance: the pipeline's share of its role, and NunchiCompute's."""
        return self.place.with_role(self.place["WorkerRoleArn"])

    @cached_property
    def training(self) -> Identity:
        return self.place.with_role(self.place["TrainingRoleArn"])

    @cached_property
    def dispatch(self) -> Identity:
        return self.place.with_role(self.place.role_of(self.place["DispatchFunctionName"]))

    @cached_property
    def enrol(self) -> Identity:
        return self.place.with_role(self.place.role_of(self.place["EnrolFunctionName"]))

    @cached_property
    def watch(self) -> Identity:
        return self.place.with_role(self.role("WatchRole"))

    def step(self, name: str) -> Identity:
        """A step of the retraining."""
        return self.place.with_role(self.role(f"Step{name.title()}Role"))

    def role(self, name: str) -> str:
        """The ARN of the one role of another stack than the pipeline's whose logical id begins so."""
        [arn] = [arn for one, arn in self.roles.items() if re.fullmatch(f"{name}[0-9A-F]{{8}}", one)]
        return arn

    @cached_property
    def anyone(self) -> Identity:
        """Who has no key at all."""
        return self.place.server.nobody(self.place.region)

    @cached_property
    def stranger(self) -> Identity:
        """The root of another account."""
        return self.place.server.root(self.place.region, account="111111111111")


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("shop")
    with server(folder) as running:
        yield People(deployed(running, folder, "ap-northeast-2"), folder)


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("chain")
    settings = folder / "nunchi.toml"
    settings.write_text('mode = "queue"\n[security]\nkms = true\n')
    # A cloud of its own: the local IAM gives the roles of a stack the same names in every region.
    with server(folder) as running:
        yield People(deployed(running, folder, "us-east-1", NUNCHI_CONFIG=str(settings)), folder)
