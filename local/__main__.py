"""`python -m local --state DIR`: runs one local cloud in the foreground until a signal. `nunchi up` starts it.

It writes its progress to DIR/progress.jsonl. Exit status: 0 after SIGTERM or SIGINT, 1 when it failed, 3 when another
process runs a cloud in DIR.
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
from fleet.folder import ShopRules
from local.cloud import Cloud
from local.environment import mode_of, operators_file, recipe_of
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
    parser.add_argument("--screen-port", type=int)
    parser.add_argument("--mode", type=Mode, choices=list(Mode))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--recipe")
    parser.add_argument("--training", type=int, default=0, choices=(0, 1))
    options = parser.parse_args()
    state = StateDir(options.state)
    os.umask(0o077)  # keys, logs and labels are readable by their owner only, in any folder
    ports = Ports(
        gateway=options.port,
        mqtt=options.mqtt_port,
        worker_broker=options.worker_mqtt_port,
        screen=options.screen_port,
    )
    try:
        with Hold(state):
            state.prepare()
            progress = ProgressLog(state.progress)
            status = asyncio.new_event_loop().run_until_complete(_run(state, ports, options, progress))
    except CloudBusy as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(3)
    # Not asyncio.run: it waits for its threads, and one may still be calling a service that was stopped.
    os._exit(status)


async def _run(state: StateDir, ports: Ports, options: argparse.Namespace, progress: ProgressLog) -> int:
    running = asyncio.current_task()
    assert running is not None  # noqa: S101 - a coroutine runs in a task

    def stop() -> None:
        if not running.cancelling():  # a second Ctrl-C must not interrupt the cleanup
            running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    status, last = 0, (Kind.STOPPED, "stopped; nothing is left running")
    try:
        config = load(operators_file(os.environ))
        cloud_options = CloudOptions(
            mode=options.mode or mode_of(os.environ, config),
            workers=options.workers,
            recipe=recipe_of(options.recipe, os.environ, config),
            training=bool(options.training),
            inference=config.inference,
            rules=ShopRules(elder_from=config.screen.elder_from, **config.retention.model_dump()),
        )
        await Cloud(state, ports, cloud_options, progress, os.environ).run()
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
