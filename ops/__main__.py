"""The `nunchi` command: its subcommands, and one message for each error."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from contracts.errors import NunchiError
from ops.lazy import LazyCommand, load
from ops.options import DEFAULT_STATE

# The commands in the order of the help: name, module and object, line of the help.
_COMMANDS: Final = (
    ("up", "cloud:up", "Start a cloud on this machine."),
    ("down", "cloud:down", "Stop it."),
    ("status", "cloud:status", "Show whether it is up, and its addresses."),
    ("send", "photo:send", "Upload photos as a kiosk, show their labels."),
    ("watch", "photo:watch", "Show a kiosk's labels as they come."),
    ("try", "try_recipe:try_recipe", "Open a page to try a recipe: upload a picture, see what is answered."),
    ("demo", "demo:demo", "Send photos all the way, from upload to training pair."),
    ("preflight", "preflight:preflight", "Before `cdk deploy`: show what AWS would refuse, and what to ask it for."),
    ("doctor", "doctor:doctor", "Show what is wrong, here or on AWS, and what to do."),
    ("cost", "cost:cost", "Estimate what a month on AWS costs."),
    ("train", "train:train", "Start a retraining now, and follow it."),
    ("flywheel", "flywheel:flywheel", "Show the whole loop here: labels, training, judgement, promotion, rollback."),
    ("calibrate", "calibrate:calibrate", "Fit the model's confidences to your camera, on reviewed photos."),
    ("judge", "judge:judge", "Compare two runs of weights, and promote neither."),
    ("remains", "remains:remains", "List what stays after `cdk destroy`."),
    ("kiosk", "kiosk:kiosk", "Add, list and remove kiosks, here or on AWS."),
    ("menu", "menu:menu", "Show what sells to whom; check a menu."),
    ("dataset", "dataset:dataset", "Show, build and fetch training datasets; add your own pictures."),
    ("review", "review:review", "Photos for a person to review, to and from Label Studio."),
    ("weights", "weights:weights", "List runs of weights; promote one, or roll back."),
    ("recipe", "recipe:recipe", "What a photo is asked: list, check, train and feed recipes."),
    ("config", "config:app", "Check nunchi.toml, and show what it means."),
)


class _Nunchi(TyperGroup):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, target, line in _COMMANDS:
            self.add_command(LazyCommand(name, f"ops.commands.{target}", line))


app = typer.Typer(
    cls=_Nunchi,
    help="Nunchi: a cloud on this machine to try; and, for operators on AWS, settings, costs, kiosks, health.",
    epilog="Begin with: nunchi up --detach",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nunchi {version('nunchi')}")
        raise typer.Exit


@app.callback()
def _nunchi(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Makes Typer build a group, which it does not for an app without a command of its own."""


def main() -> None:
    """Run a command. A NunchiError, OSError or error of AWS becomes one message and exit status 1."""
    logging.basicConfig(level=logging.ERROR, format="nunchi: %(message)s", stream=sys.stderr)
    try:
        app()
    except NunchiError as error:
        message = str(error)
    except Exception as error:
        # botocore is imported only after an error: importing it takes longer than most commands.
        if isinstance(error, load("ops.aws:AWS_ERRORS")):
            message = (
                f"the cloud does not answer, or fails: {error}; "
                f"see logs/ in its --state folder (default: {DEFAULT_STATE})"
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
