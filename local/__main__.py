"""`python -m local --state DIR`: one cloud, in the foreground, until a signal. `nunchi up` starts it.

What it does is told in DIR/progress.jsonl. Ends with 0 after SIGTERM or SIGINT, 1 when it could not start or go on,
3 when another process runs a cloud in DIR.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from config.mode import Mode
from config.nunchi_toml import load
from contracts.errors import NunchiError
from local.cloud import Cloud
from local.environment import mode_of, operators_file
from local.errors import CloudBusy
from local.options import CloudOptions, Ports
from local.progress import Kind, ProgressLog
from local.state import Hold, StateDir


def main() -> None:
    """The wiring: the only place of the local cloud that reads arguments and environment."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int)
    parser.add_argument("--mqtt-port", type=int)
    parser.add_argument("--worker-mqtt-port", type=int)
    parser.add_argument("--mode", type=Mode, choices=list(Mode))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--training", type=int, default=0, choices=(0, 1))
    asked = parser.parse_args()
    state = StateDir(asked.state)
    os.umask(0o077)  # keys, logs and labels are their owner's, whatever folder they were to go to
    ports = Ports(gateway=asked.port, mqtt=asked.mqtt_port, worker_broker=asked.worker_mqtt_port)
    try:
        with Hold(state):
            state.prepare()
            status = asyncio.new_event_loop().run_until_complete(_run(state, ports, asked, ProgressLog(state.progress)))
    except CloudBusy as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(3)
    # Not asyncio.run: it waits for its threads, and one may still be asking a service that has been ended.
    os._exit(status)


async def _run(state: StateDir, ports: Ports, asked: argparse.Namespace, progress: ProgressLog) -> int:
    running = asyncio.current_task()
    assert running is not None  # noqa: S101 - a coroutine runs in a task

    def stop() -> None:
        if not running.cancelling():  # a second Ctrl-C must not interrupt the clearing up
            running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    status, last = 0, (Kind.STOPPED, "stopped; nothing is left")
    try:
        config = load(operators_file(os.environ))
        shape = CloudOptions(
            mode=asked.mode or mode_of(os.environ, config),
            workers=asked.workers,
            training=bool(asked.training),
            inference=config.inference,
        )
        await Cloud(state, ports, shape, progress, os.environ).run()
    except asyncio.CancelledError:
        pass
    except (NunchiError, ClientError, BotoCoreError, OSError) as error:
        status, last = 1, (Kind.FAILED, str(error))
    finally:
        state.clear()
    progress.say(*last)
    return status


if __name__ == "__main__":
    main()
