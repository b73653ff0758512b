"""`nunchi flywheel`: the wheel turned twice and back once, in a cloud of its own, with people who are drawn."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from local.environment import ROOT
from local.errors import CloudError
from ops import supervise
from ops.display import err

# What the story needs brings numpy and Pillow: the command imports it when it runs, so that its help stays quick.

TRAINER: Final = ROOT / ".venv-trainer" / "bin" / "python"
TRAINER_VARIABLE: Final = "NUNCHI_TRAINER_PYTHON"


def flywheel(
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", help="Keep the reports, datasets' pages and runs here.", metavar="FOLDER"),
    ] = None,
    pictures: Annotated[int, typer.Option(min=32, help="Drawn pictures with labels to begin with.", metavar="N")] = 320,
    customers: Annotated[int, typer.Option(min=16, help="Customers between the two turns.", metavar="N")] = 160,
    epochs: Annotated[int, typer.Option(min=1, help="Times that each training sees every picture.", metavar="N")] = 12,
) -> None:
    """Show the whole flywheel on this machine, in ten minutes: labels in, training, judgement, promotion, and back.

    Nobody's photo is needed: people are drawn. A cloud is started for it, and taken down again. A first training learns
    from pictures that came with labels; photos of customers then label themselves where the model is sure, a person
    checks some, and a second training learns from all of it. Each model serves only if it is better.

    Exit status: 0 when the wheel turned, whatever the second training's verdict; 1 when something broke.

    Example: nunchi flywheel --out out/flywheel
    """
    from demo.story import cloud, keep, turn  # noqa: PLC0415 - see above

    if not Path(os.environ.get(TRAINER_VARIABLE, TRAINER)).exists():
        raise CloudError(
            f"there is no {TRAINER}: nothing was started. Install what trains (6 GB) with `make trainer`, or name its "
            f"Python in {TRAINER_VARIABLE}"
        )
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nunchi-flywheel-") as temporary:
        folder = Path(temporary)
        with supervise.interruptible(), cloud(folder, epochs) as record:
            turn(record, folder, pictures=pictures, customers=customers, since=began)
            if out_folder is not None:
                keep(record, out_folder)
    err.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  done; nothing is left running")
