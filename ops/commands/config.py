"""`nunchi config check`: validate the operator's settings, and describe their effect, before a deployment."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from config.mode import Mode
from config.nunchi_toml import DEFAULT_FILE, FILE_VARIABLE, Config, load
from config.opening_hours import DAYS, Week
from config.remarks import remarks
from ops.display import out
from ops.options import JsonOption, command_group

app = command_group("The operator's settings: nunchi.toml.")

ConfigArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="The file. Default: NUNCHI_CONFIG, else the repository's nunchi.toml."),
]


@app.callback()
def _config() -> None:
    """The operator's settings: nunchi.toml."""


@app.command()
def check(file: ConfigArgument = None, as_json: JsonOption = False) -> None:
    """Find every invalid setting, and describe what the settings do. Nothing is deployed.

    Exit status: 0 the file is valid, 1 it is not.

    Example: nunchi config check && cdk deploy --all
    """
    named = file or Path(os.environ.get(FILE_VARIABLE) or DEFAULT_FILE)
    config = load(named)
    if as_json:
        typer.echo(json.dumps(config.model_dump(mode="json"), ensure_ascii=False))
        return
    at = datetime.now(UTC)
    table = Table.grid(padding=(0, 2))
    for name, text in meaning(config, at=at).items():
        table.add_row(f"[bold]{name}[/]", escape(text))
    out.print(table)
    for remark in remarks(config, at=at):
        out.print(f"[yellow]Note:[/] {escape(remark)}")
    out.print(f"[green]{escape(str(named))} is valid.[/] Next: nunchi cost, then cdk diff, cdk deploy --all")


def meaning(config: Config, *, at: datetime) -> dict[str, str]:
    """The effect of each part of the settings, as a sentence by its name. `at`: for the next start."""
    inference, retention, training, sizes = config.inference, config.retention, config.training, config.queue
    single = f"one {inference.instance_type}, to which each photo is handed by Run Command"
    group = (
        f"{sizes.least} to {sizes.most} {inference.instance_type} that read the upload queue; one more for each "
        f"{sizes.backlog_per_instance} photos that wait; {sizes.warm_pool or 'none'} kept warm"
    )
    closed_dates = ", ".join(map(str, config.hours.closed_dates))
    on_demand = f"an on-demand {config.training_type}"
    spot = f"a Spot {config.training_type}, on demand where there is no Spot capacity,"
    return {
        "region": config.region,
        "mode": f"{config.mode.value}: {group if config.mode is Mode.QUEUE else single}",
        "open": f"{opening(config)}; {config.hours.zone}",
        **({"closed on": closed_dates} if closed_dates else {}),
        "running": _running(config, at),
        "training data": (
            f"labels of {inference.confidence_gate:g} confidence and more; "
            f"of the others {inference.review_share:.0%} wait for review by a person"
        ),
        "screen": (
            f"easy (large letters, voice) when the customer is an elder by a probability of "
            f"{config.screen.elder_from:g} or more"
        ),
        "kept": (
            f"photos {retention.upload_days} days, results {retention.result_days}, photos to review "
            f"{retention.review_days}; training pairs and weights until you remove them"
        ),
        "retraining": (
            f"every {training.period_days} days, with {training.least_new_labels} new label files or more, on "
            f"{spot if training.spot else on_demand} that is terminated afterwards; with fewer no instance starts"
        ),
        "alarms": (
            f"{config.alarms.email or 'no receiver: alarms.email is empty'}; p95 over {config.alarms.slow_ms} ms, "
            f"certificates over {config.alarms.certificate_days} days, ${config.alarms.budget_usd:g} a month"
        ),
        "encryption": "a KMS key of your own" if config.security.kms else "keys of S3 and SQS, free of charge",
        "tags": ", ".join(f"{name}={value}" for name, value in config.tags.items()) or "none",
    }


def opening(config: Config) -> str:
    """The opening hours as text; consecutive days with the same hours are one range."""
    texts = []
    for windows, days in groupby(DAYS, key=config.hours.windows_of):
        named = [day.value for day in days]
        span = named[0] if len(named) == 1 else f"{named[0]} to {named[-1]}"
        texts.append(f"{span} {' and '.join(map(str, windows)) or 'closed'}")
    return ", ".join(texts)


def _running(config: Config, at: datetime) -> str:
    week: Week = config.hours.week
    if week.always_running:
        return "always, 168 hours a week"
    following = config.hours.next_start(at)
    when = f"; starts next on {following:%Y-%m-%d at %H:%M}" if following else ""
    return (
        f"{week.running_hours:g} hours a week, from {config.hours.boot_lead_minutes} minutes before opening to "
        f"{config.hours.linger_minutes} after closing{when}; what still runs an hour later is stopped"
    )
