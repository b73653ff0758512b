"""The `nunchi` command: its wiring, and what becomes of errors."""

from __future__ import annotations

import logging
import sys

import typer
from rich.markup import escape

from contracts.errors import NunchiError
from ops import config_command
from ops.aws import UNANSWERED
from ops.cloud_commands import down, status, up
from ops.cost_command import cost
from ops.dataset_commands import dataset
from ops.demo_command import demo
from ops.display import err
from ops.doctor_command import doctor
from ops.flywheel_command import flywheel
from ops.judge_command import judge
from ops.kiosk_commands import kiosk
from ops.options import DEFAULT_STATE
from ops.photo_commands import send, watch
from ops.remains_command import remains
from ops.review_commands import review
from ops.train_command import train
from ops.weights_commands import weights

app = typer.Typer(
    help="Nunchi: a cloud on this machine to try; and, for whoever runs it on AWS, settings, costs, kiosks, health.",
    epilog="Begin with: nunchi up --detach",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# What each says of itself in a line: the first sentences of their help are cut off where a terminal ends.
for command, line in (
    (up, "Start a cloud on this machine."),
    (down, "End it."),
    (status, "Say whether it is up, and how to join in."),
    (send, "Be a kiosk: upload photos, show their labels."),
    (watch, "Show a kiosk's labels as they come."),
    (demo, "Send photos all the way, from upload to training pair."),
    (doctor, "Say what is wrong, here or on AWS, and what to do."),
    (cost, "Say what a month on AWS costs."),
    (train, "Start a retraining now, and follow it."),
    (flywheel, "Show the whole loop here: labels, training, judgement, promotion, and back."),
    (judge, "Say which of two runs is better, and move nothing."),
    (remains, "Say what stays after `cdk destroy`."),
):
    app.command(short_help=line)(command)
app.add_typer(kiosk, name="kiosk", short_help="Add, list and remove kiosks, here or on AWS.")
app.add_typer(dataset, name="dataset", short_help="See, build, fetch what a training learns from; add your own.")
app.add_typer(review, name="review", short_help="Photos for a person to look at, to and from Label Studio.")
app.add_typer(weights, name="weights", short_help="See runs of weights; put one into service, and back.")
app.add_typer(config_command.app, name="config", short_help="Check nunchi.toml, and say what it means.")


def main() -> None:
    """Run a command; an error of ours, of a file or of the cloud is one message and exit status 1."""
    logging.basicConfig(level=logging.ERROR, format="nunchi: %(message)s", stream=sys.stderr)
    try:
        app()
    except NunchiError as error:
        message = str(error)
    except UNANSWERED as error:
        message = f"the cloud went away, or fails: {error}; see logs/ in its --state folder (default: {DEFAULT_STATE})"
    except OSError as error:
        message = f"{error}; if this is about the state folder, name another one: --state DIR"
    else:
        return
    err.print(f"[red]nunchi:[/] {escape(message)}")
    sys.exit(1)


if __name__ == "__main__":
    main()
