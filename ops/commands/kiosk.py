"""`nunchi kiosk add|list|remove`: kiosks come and go, on AWS or in a local cloud, without a deployment."""

from __future__ import annotations

import json
import shlex
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from botocore.exceptions import ClientError
from rich.markup import escape
from rich.table import Table

from config.names import COMPUTE_STACK, PIPELINE_STACK
from config.nunchi_toml import Config, load
from config.stack_outputs import IMAGES_BUCKET, KIOSK_POLICY_NAME, KIOSK_ROLE_ALIAS_NAME
from contracts.instants import now, to_text
from fleet.errors import FleetError, InvalidKiosk, KioskExists, KioskUnknown
from fleet.folder import Addresses, DeviceFolder, amazon_root
from fleet.kiosks import Kiosk, Kiosks, check_name
from local.state import StateDir
from ops.aws import asking, clients
from ops.display import err, out
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

MQTT_PORT: Final = 8883

kiosk = typer.Typer(
    help="Add, list and remove kiosks: on AWS, or with --local in the cloud on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="1 to 32 of a-z, 0-9 and '-'.")]


class Exit(IntEnum):
    """How these commands end when a name is not as they need it."""

    EXISTS = 3
    UNKNOWN = 4


@dataclass(frozen=True, slots=True)
class Fleet:
    """The kiosks of one cloud, and what a new one is told about it."""

    kiosks: Kiosks
    addresses: Addresses
    ca_pem: str
    old_days: int


@kiosk.command()
def add(
    name: NameArgument,
    *,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Folder for the device's files. Default: ./NAME", metavar="DIR")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="A new key for a kiosk that there is; the old one is refused from now on.")
    ] = False,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Make a kiosk: its thing, its certificate and its key, and the folder of files that its device needs.

    The key is in that folder and nowhere else; no file is ever written over.

    Exit status: 0 made, 3 there is such a kiosk, 4 there is none to --replace, 2 no kiosk can have this name, 1
    anything else. Other than with 0, nothing is made.

    Example: nunchi kiosk add shop1-counter2 --out shop1-counter2
    """
    with _named_rightly():
        check_name(name)
        target = out_folder or Path(name)
        folder = DeviceFolder(target, name)
        with fleet_of(local, state) as fleet:
            folder.require_free(fleet.ca_pem)
            identity = fleet.kiosks.renew(name) if replace else fleet.kiosks.add(name)
            try:
                folder.write(identity, fleet.addresses, fleet.ca_pem)
            except BaseException:
                fleet.kiosks.withdraw(identity)
                raise
            if replace:
                fleet.kiosks.retire_older(identity)
    files = {"settings": folder.settings, "cert": folder.cert, "key": folder.key, "ca": folder.ca}
    if as_json:
        told = {"kiosk": name, "thing_arn": identity.thing_arn, "certificate_id": identity.certificate_id}
        typer.echo(json.dumps(told | {"files": {kind: str(path.absolute()) for kind, path in files.items()}}))
        return
    out.print(f"[green]{name} has a new key; the old one is refused[/]" if replace else f"[green]{name} is a kiosk[/]")
    for kind, path in files.items():
        out.print(f"  [bold]{kind:9}[/]{escape(str(path))}")
    out.print(
        f"[bold]Next[/]\n  Bring {escape(shlex.quote(str(target)))} to the device by a way that nobody reads, then "
        "delete it here:\n  there is no other copy of the key. docs/kiosk-makers.md goes on from there."
    )


@kiosk.command("list")
def list_(
    older_than: Annotated[
        int | None,
        typer.Option(min=0, help="Mark certificates of more days. Default: [alarms] certificate_days", metavar="DAYS"),
    ] = None,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Show every kiosk, its certificate and how old that is. Exit status: 0, and 1 when they can't be read.

    Example: nunchi kiosk list --older-than 300 --json | jq -r 'select(.old).kiosk'
    """
    with _named_rightly(), fleet_of(local, state) as fleet:
        days = fleet.old_days if older_than is None else older_than
        rows = [_row(one, days) for one in fleet.kiosks.all()]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
        return
    out.print(_table(rows) if rows else "There are no kiosks yet; make one: nunchi kiosk add NAME")
    if old := [row["kiosk"] for row in rows if row["old"]]:
        again = escape(in_cloud(f"kiosk add {old[0]} --replace", local, state))
        out.print(f"[yellow]{len(old)} of more than {days} days[/]; a new key: {again}")


@kiosk.command()
def remove(
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Revoke a kiosk's certificate and forget the kiosk. What it uploaded stays.

    It can't connect or get S3 credentials again; those that it has end within the hour.

    Exit status: 0 removed, 4 there is no such kiosk, 1 anything else, such as a no.

    Example: nunchi kiosk remove shop1-counter2 --yes
    """
    if not yes:
        typer.confirm(f"Revoke the certificate of {name}? There is no way back", abort=True, err=True)
    with _named_rightly(), fleet_of(local, state) as fleet:
        fleet.kiosks.remove(name)
    if as_json:
        typer.echo(json.dumps({"kiosk": name, "removed": True}))
    else:
        out.print(f"{escape(name)} is no kiosk any more")


@contextmanager
def fleet_of(local: bool, state: Path) -> Generator[Fleet, None, None]:
    """The fleet of the local cloud in `state`, or of AWS; what AWS refuses within the block is an AwsError."""
    if local:
        yield _local_fleet(StateDir(state))
        return
    config = load()
    with asking(config.region):
        yield _aws_fleet(config)


def _local_fleet(folder: StateDir) -> Fleet:
    record = folder.read()
    told = outputs(record.client("cloudformation"), record.region)
    bucket, s3 = record.buckets["images"], record.endpoints["s3"]
    addresses = Addresses(
        region=record.region,
        mqtt_host=record.mqtt.host,
        mqtt_port=record.mqtt.port,
        credentials_url=record.credentials_url,
        s3_endpoint=s3,
        bucket=bucket,
        bucket_url=f"{s3}/{bucket}",
    )
    kiosks = Kiosks(record.client("iot"), policy=told[KIOSK_POLICY_NAME])
    return Fleet(kiosks, addresses, record.mqtt.ca.read_text(), Config().alarms.certificate_days)


def _aws_fleet(config: Config) -> Fleet:
    client = clients(config.region)
    told = outputs(client("cloudformation"), config.region)
    iot = client("iot")
    mqtt, credentials = (
        iot.describe_endpoint(endpointType=kind)["endpointAddress"]
        for kind in ("iot:Data-ATS", "iot:CredentialProvider")
    )
    bucket, s3 = told[IMAGES_BUCKET], str(client("s3").meta.endpoint_url)
    addresses = Addresses(
        region=config.region,
        mqtt_host=mqtt,
        mqtt_port=MQTT_PORT,
        credentials_url=f"https://{credentials}/role-aliases/{told[KIOSK_ROLE_ALIAS_NAME]}/credentials",
        s3_endpoint=s3,
        bucket=bucket,
        bucket_url=s3.replace("https://", f"https://{bucket}."),
    )
    return Fleet(Kiosks(iot, policy=told[KIOSK_POLICY_NAME]), addresses, amazon_root(), config.alarms.certificate_days)


def outputs(cloudformation: CloudFormationClient, region: str) -> dict[str, str]:
    """The pipeline's outputs by name; FleetError when it isn't deployed there."""
    try:
        (stack,) = cloudformation.describe_stacks(StackName=PIPELINE_STACK)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise FleetError(
            f"{PIPELINE_STACK} is not deployed in {region}; first: cdk deploy {PIPELINE_STACK} {COMPUTE_STACK}"
        ) from None
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}


@contextmanager
def _named_rightly() -> Generator[None, None, None]:
    """Exit as the help says when a name is not as it must be."""
    try:
        yield
    except InvalidKiosk as refused:
        raise typer.BadParameter(str(refused)) from None
    except (KioskExists, KioskUnknown) as wrong:
        err.print(f"[red]nunchi:[/] {escape(str(wrong))}")
        raise typer.Exit(Exit.EXISTS if isinstance(wrong, KioskExists) else Exit.UNKNOWN) from None


def _row(one: Kiosk, old_days: int) -> dict[str, Any]:
    """A kiosk as programs get it."""
    age = one.age_days(now())
    return {
        "kiosk": one.name,
        "certificate_id": one.certificate_id,
        "active": one.active,
        "created": None if one.created is None else to_text(one.created),
        "age_days": age,
        "old": age is not None and age > old_days,
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("kiosk", "certificate", "", "made", "days"):
        table.add_column(column, justify="right" if column == "days" else "left")
    for row in rows:
        table.add_row(
            row["kiosk"],
            "none" if row["certificate_id"] is None else f"{row['certificate_id'][:12]}…",
            "active" if row["active"] else "[red]refused[/]",
            "" if row["created"] is None else row["created"][:10],
            ""
            if row["age_days"] is None
            else f"[yellow]{row['age_days']} old[/]"
            if row["old"]
            else f"{row['age_days']}",
        )
    return table
