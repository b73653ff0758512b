"""The `nunchi` command: its wiring, and what becomes of errors."""

from __future__ import annotations

import logging
import sys

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from contracts.errors import NunchiError
from ops import config_command
from ops.cloud_commands import down, status, up
from ops.cost_command import cost
from ops.demo_command import demo
from ops.display import err
from ops.doctor_command import doctor
from ops.kiosk_commands import kiosk
from ops.options import DEFAULT_STATE
from ops.photo_commands import send, watch
from ops.remains_command import remains

app = typer.Typer(
    help="Nunchi on this machine: a cloud to try, photos to send, labels to hear.",
    epilog="Begin with: nunchi up --detach",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (up, down, status, send, watch, demo, doctor, cost, remains):
    app.command()(command)
app.add_typer(kiosk, name="kiosk")

app.add_typer(config_command.app, name="config")


def main() -> None:
    """Run a command; an error of ours, of a file or of the cloud is one message and exit status 1."""
    logging.basicConfig(level=logging.ERROR, format="nunchi: %(message)s", stream=sys.stderr)
    try:
        app()
    except NunchiError as error:
        message = str(error)
    except (BotoCoreError, ClientError) as error:
        message = f"the cloud went away, or fails: {error}; see logs/ in its --state folder (default: {DEFAULT_STATE})"
    except OSError as error:
        message = f"{error}; if this is about the state folder, name another one: --state DIR"
    else:
        return
    err.print(f"[red]nunchi:[/] {escape(message)}")
    sys.exit(1)


if __name__ == "__main__":
    main()
