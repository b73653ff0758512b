"""`nunchi kiosk add|list|remove`: adds and removes kiosks, and rotates their certificates; without a deployment."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from config.nunchi_toml import Config, load
from config.stack_outputs import IMAGES_BUCKET, KIOSK_POLICY_NAME, ORDERS_TABLE
from contracts.instants import now, to_text
from contracts.private_folder import is_private
from fleet.errors import InvalidKiosk, KioskExists, KioskUnknown
from fleet.folder import Addresses, DeviceFolder, ShopRules, amazon_root
from fleet.kiosks import Kiosk, Kiosks, check_name
from local.kiosk_addresses import addresses_of
from local.state import StateDir
from ops.aws import aws_errors, clients
from ops.display import echo_json, err, out, plain_table
from ops.exits import Exit, exits
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, command_group, in_cloud
from ops.session import pipeline_outputs

MQTT_PORT: Final = 8883

kiosk = command_group("Add, list and remove kiosks: on AWS, or with --local in the cloud on this machine.")
_exits = exits({KioskExists: Exit.EXISTS, KioskUnknown: Exit.UNKNOWN}, argument=InvalidKiosk)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="1 to 32 of a-z, 0-9 and '-'.")]


@dataclass(frozen=True, slots=True)
class Fleet:
    """The kiosks of one cloud, and the addresses, CA and rules of the shop that a new one needs."""

    kiosks: Kiosks
    addresses: Addresses
    ca_pem: str
    old_days: int
    rules: ShopRules


@kiosk.command()
@_exits
def add(
    name: NameArgument,
    *,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Folder for the device's files. Default: ./NAME", metavar="DIR")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="A new key for an existing kiosk; the old one is revoked.")
    ] = False,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Create a kiosk: its thing, certificate and key, and the folder of files that its device needs.

    The key is in that folder and nowhere else; no file is overwritten.

    Exit status: 0 created, 3 the kiosk exists, 4 the kiosk to --replace is unknown, 2 the name is invalid, 1 any other
    error. Unless it is 0, nothing is created.

    Example: nunchi kiosk add shop1-counter2 --out shop1-counter2
    """
    check_name(name)
    target = out_folder or Path(name)
    folder = DeviceFolder(target, name)
    with fleet_of(local, state) as fleet:
        folder.require_free(fleet.ca_pem)
        identity = fleet.kiosks.renew(name) if replace else fleet.kiosks.add(name)
        try:
            folder.write(identity, fleet.addresses, fleet.ca_pem, rules=fleet.rules)
        except BaseException:
            fleet.kiosks.undo(identity)
            raise
        if replace:
            fleet.kiosks.revoke_older(identity)
    files = {"settings": folder.settings, "cert": folder.cert, "key": folder.key, "ca": folder.ca}
    if as_json:
        fields = {"kiosk": name, "thing_arn": identity.thing_arn, "certificate_id": identity.certificate_id}
        echo_json(fields | {"files": {kind: str(path.absolute()) for kind, path in files.items()}})
        return
    out.print(f"[green]{name} has a new key; the old one is revoked[/]" if replace else f"[green]{name} is added[/]")
    for kind, path in files.items():
        out.print(f"  [bold]{kind:9}[/]{escape(str(path))}")
    if not is_private(target):
        err.print(
            f"[yellow]{escape(str(target))} held other files before, so it got no .gitignore[/]: in a git repository, "
            f"keep {escape(folder.key.name)} out of every commit"
        )
    out.print(
        f"[bold]Next[/]\n  Bring {escape(shlex.quote(str(target)))} to the device over a private channel, then "
        "delete it here:\n  there is no other copy of the key. docs/kiosk-makers.md has the next steps."
    )


@kiosk.command("list")
@_exits
def list_(
    older_than: Annotated[
        int | None,
        typer.Option(
            min=0, help="Mark certificates older than this. Default: [alarms] certificate_days", metavar="DAYS"
        ),
    ] = None,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Show every kiosk, its certificate and the age of that. Exit status: 0, or 1 when they can't be read.

    Example: nunchi kiosk list --older-than 300 --json | jq -r 'select(.old).kiosk'
    """
    with fleet_of(local, state) as fleet:
        days = fleet.old_days if older_than is None else older_than
        rows = [_row(kiosk, days) for kiosk in fleet.kiosks.all()]
    if as_json:
        echo_json(*rows)
        return
    out.print(_table(rows) if rows else "There are no kiosks yet; add one: nunchi kiosk add NAME")
    if old := [row["kiosk"] for row in rows if row["old"]]:
        replace_command = escape(in_cloud(f"kiosk add {old[0]} --replace", local, state))
        out.print(f"[yellow]{len(old)} older than {days} days[/]; for a new key: {replace_command}")


@kiosk.command()
@_exits
def remove(
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Revoke a kiosk's certificate and delete the kiosk. Its uploads stay.

    It can't connect or get S3 credentials any more; credentials that it has expire within the hour.

    Exit status: 0 removed, 4 the kiosk is unknown, 1 any other error, or a "no".

    Example: nunchi kiosk remove shop1-counter2 --yes
    """
    if not yes:
        typer.confirm(f"Revoke the certificate of {name}? This can't be undone", abort=True, err=True)
    with fleet_of(local, state) as fleet:
        fleet.kiosks.remove(name)
    if as_json:
        echo_json({"kiosk": name, "removed": True})
    else:
        out.print(f"{escape(name)} is removed")


@contextmanager
def fleet_of(local: bool, state: Path) -> Generator[Fleet, None, None]:
    """The fleet of the local cloud in `state`, or of AWS; errors of AWS within the block become AwsError."""
    if local:
        yield _local_fleet(StateDir(state))
        return
    config = load()
    with aws_errors(config.region):
        yield _aws_fleet(config)


def _local_fleet(folder: StateDir) -> Fleet:
    record = folder.read()
    outputs = pipeline_outputs(record.client("cloudformation"), record.region)
    kiosks = Kiosks(record.client("iot"), policy=outputs[KIOSK_POLICY_NAME])
    return Fleet(
        kiosks,
        addresses_of(record),
        record.mqtt.ca.read_text(),
        old_days=Config().alarms.certificate_days,
        rules=_rules(load()),
    )


def _aws_fleet(config: Config) -> Fleet:
    client = clients(config.region)
    outputs = pipeline_outputs(client("cloudformation"), config.region)
    iot = client("iot")
    mqtt, credentials = (
        iot.describe_endpoint(endpointType=kind)["endpointAddress"]
        for kind in ("iot:Data-ATS", "iot:CredentialProvider")
    )
    bucket, s3 = outputs[IMAGES_BUCKET], str(client("s3").meta.endpoint_url)
    addresses = Addresses(
        region=config.region,
        mqtt_host=mqtt,
        mqtt_port=MQTT_PORT,
        credentials_url=f"https://{credentials}/role-aliases/{outputs['KioskRoleAliasName']}/credentials",
        s3_endpoint=s3,
        bucket=bucket,
        bucket_url=s3.replace("https://", f"https://{bucket}."),
        dynamodb_endpoint=str(client("dynamodb").meta.endpoint_url),
        orders_table=outputs[ORDERS_TABLE],
    )
    return Fleet(
        Kiosks(iot, policy=outputs[KIOSK_POLICY_NAME]),
        addresses,
        amazon_root(),
        old_days=config.alarms.certificate_days,
        rules=_rules(config),
    )


def _rules(config: Config) -> ShopRules:
    return ShopRules(elder_from=config.screen.elder_from, **config.retention.model_dump())


def _row(kiosk: Kiosk, old_days: int) -> dict[str, Any]:
    """A kiosk as JSON fields."""
    age = kiosk.age_days(now())
    return {
        "kiosk": kiosk.name,
        "certificate_id": kiosk.certificate_id,
        "active": kiosk.active,
        "created": None if kiosk.created is None else to_text(kiosk.created),
        "age_days": age,
        "old": age is not None and age > old_days,
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = plain_table("kiosk", "certificate", "", "created", "days", right=("days",))
    for row in rows:
        age = "" if row["age_days"] is None else str(row["age_days"])
        table.add_row(
            row["kiosk"],
            "none" if row["certificate_id"] is None else f"{row['certificate_id'][:12]}…",
            "active" if row["active"] else "[red]inactive[/]",
            "" if row["created"] is None else row["created"][:10],
            f"[yellow]{age} old[/]" if row["old"] else age,
        )
    return table
