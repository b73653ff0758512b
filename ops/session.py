"""Where a command's cloud is: on this machine, or on AWS."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.nunchi_toml import load
from config.stack_outputs import buckets_of
from local.state import StateDir
from ops.aws import asking, clients
from ops.commands.kiosk import outputs


@dataclass(frozen=True, slots=True)
class Session:
    """A cloud. `client` makes a boto3 client of a service; `bucket` names one: images, dataset or weights.

    `gate` is the confidence from which its workers' labels are true enough to train on.
    """

    client: Callable[[str], Any]
    bucket: Callable[[str], str]
    gate: float


def gate_of(local: bool, state: Path) -> float:
    """The gate of a cloud's workers: of the local cloud in `state`, or, for AWS, that of nunchi.toml."""
    return StateDir(state).read().gate if local else load().inference.confidence_gate


@contextmanager
def session_of(local: bool, state: Path) -> Generator[Session, None, None]:
    """The local cloud in `state`, or AWS; what AWS refuses within the block is an AwsError."""
    if local:
        record = StateDir(state).read()
        yield Session(record.client, record.buckets.__getitem__, record.gate)
        return
    config = load()
    region = config.region
    with asking(region):
        client = clients(region)
        told = buckets_of(outputs(client("cloudformation"), region))
        yield Session(client, told.__getitem__, config.inference.confidence_gate)
