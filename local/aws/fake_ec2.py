"""Processes of the local training machines, which are moto instances; as a program, their `shutdown`.

    python -m local.aws.fake_ec2 +1     terminates the instance that this process runs on, after one local minute

Terminating an instance ends every process that Run Command started on it, whatever groups and sessions they created:
each inherits an environment variable that names the instance. It is read from Linux's /proc; on other systems only
the command itself ends.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from local.record import REGION

MARK: Final = "NUNCHI_LOCAL_MACHINE"
MINUTE_S: Final = 3.0  # for shutdown +1: Run Command must report its status first, and a person waits
_PROCESSES: Final = Path("/proc")


def mark(cloud: Path, instance: str) -> str:
    """The value of MARK in every process of an instance; unique to the cloud's state folder."""
    return f"{cloud}#{instance}"


def power_off(cloud: Path, instance: str = "") -> int:
    """Kill every process of an instance, or of all instances of a cloud; returns how many."""
    wanted = f"{MARK}={mark(cloud, instance)}".encode()
    killed = 0
    for process in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # ended meanwhile, or another user's
            entries = (process / "environ").read_bytes().split(b"\0")
            if any(entry == wanted or (not instance and entry.startswith(wanted)) for entry in entries):
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
    return killed


def main() -> None:
    """Terminate the instance of this process, after as many minutes as the arguments give."""
    from local.aws.clients import client  # noqa: PLC0415 - boto3 takes half a second, and `nunchi status` imports this file

    minutes = next((float(word[1:]) for word in sys.argv[1:] if word.startswith("+")), 0.0)
    time.sleep(minutes * MINUTE_S)
    instance = os.environ[MARK].rpartition("#")[2]
    ec2 = client("ec2", endpoint=os.environ["AWS_ENDPOINT_URL_EC2"], region=REGION)
    ec2.terminate_instances(InstanceIds=[instance])


if __name__ == "__main__":
    main()
