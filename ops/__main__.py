"""The `nunchi` command: its wiring, and what becomes of errors."""

from __future__ import annotations

import logging
import sys

import typer

from contracts.errors import NunchiError
from ops.lazy import LazyCommand, LazyGroup, load
from ops.options import DEFAULT_STATE


class _Nunchi(LazyGroup):
    """The commands in the order of the help, each with its line there."""

    lazy = tuple(
        LazyCommand(name, target, line)
        for name, target, line in (
            ("up", "ops.cloud_commands:up", "Start a cloud on this machine."),
            ("down", "ops.cloud_commands:down", "End it."),
            ("status", "ops.cloud_commands:status", "Say whether it is up, and how to join in."),
            ("send", "ops.photo_commands:send", "Be a kiosk: upload photos, show their labels."),
            ("watch", "ops.photo_commands:watch", "Show a kiosk's labels as they come."),
            ("demo", "ops.demo_command:demo", "Send photos all the way, from upload to training pair."),
            ("doctor", "ops.doctor_command:doctor", "Say what is wrong, here or on AWS, and what to do."),
            ("cost", "ops.cost_command:cost", "Say what a month on AWS costs."),
            ("train", "ops.train_command:train", "Start a retraining now, and follow it."),
            (
                "flywheel",
                "ops.flywheel_command:flywheel",
                "Show the whole loop here: labels, training, judgement, promotion, and back.",
            ),
            ("judge", "ops.judge_command:judge", "Say which of two runs is better, and move nothing."),
            ("remains", "ops.remains_command:remains", "Say what stays after `cdk destroy`."),
            ("kiosk", "ops.kiosk_commands:kiosk", "Add, list and remove kiosks, here or on AWS."),
            (
                "dataset",
                "ops.dataset_commands:dataset",
                "See, build, fetch what a training learns from; add your own.",
            ),
            ("review", "ops.review_commands:review", "Photos for a person to look at, to and from Label Studio."),
            ("weights", "ops.weights_commands:weights", "See runs of weights; put one into service, and back."),
            ("config", "ops.config_command:app", "Check nunchi.toml, and say what it means."),
        )
    )


app = typer.Typer(
    cls=_Nunchi,
    help="Nunchi: a cloud on this machine to try; and, for whoever runs it on AWS, settings, costs, kiosks, health.",
    epilog="Begin with: nunchi up --detach",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _nunchi() -> None:
    """So that Typer makes a group, which it doesn't of an app without a command of its own."""


def main() -> None:
    """Run a command; an error of ours, of a file or of the cloud is one message and exit status 1."""
    logging.basicConfig(level=logging.ERROR, format="nunchi: %(message)s", stream=sys.stderr)
    try:
        app()
    except NunchiError as error:
        message = str(error)
    except Exception as error:
        # botocore is asked about an error when there is one: importing it takes longer than most commands.
        if isinstance(error, load("ops.aws:UNANSWERED")):
            message = (
                f"the cloud went away, or fails: {error}; see logs/ in its --state folder (default: {DEFAULT_STATE})"
            )
        elif isinstance(error, OSError):
            message = f"{error}; if this is about the state folder, name another one: --state DIR"
        else:
            raise
    else:
        return
    load("ops.display:err").print(f"[red]nunchi:[/] {load('rich.markup:escape')(message)}")
    sys.exit(1)


if __name__ == "__main__":
    main()
