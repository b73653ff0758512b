"""The settings of a device: the folder that `nunchi kiosk add` wrote, and kiosk.toml, which the shop writes.

Every field of kiosk.toml has a default, so the file may be missing. All mistakes of both are named at once.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.gate import ELDER_SHARE
from contracts.names import check_kiosk_id
from contracts.screen import DEFAULT_ELDER_FROM, check_elder_from
from contracts.toml_file import read_toml
from kiosk.cloud.credentials import Certificate
from kiosk.device.burst import LEAST_GAP_MS, BurstRules
from kiosk.device.evidence import EvidenceRules
from kiosk.device.visit import VisitRules
from kiosk.errors import InvalidSettings
from kiosk.voice.framing import SECONDS
from mqtt.client import Broker

FILE: Final = "kiosk.toml"
Language = Literal["ko", "en"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Name(_Part):
    """The shop's name in both languages."""

    ko: str = Field("눈치분식", min_length=1, max_length=40)
    en: str = Field("Nunchi Snack Bar", min_length=1, max_length=40)


class ShopSettings(_Part):
    """The shop."""

    name: Name = Name()
    language: Language = Field("ko", description="with which every customer begins")
    menu: Path | None = Field(None, description="the shop's menu.toml; default: the one that comes with Nunchi")


class ScreenSettings(_Part):
    """The page and the glass that it stands on."""

    port: int = Field(8080, ge=1024, le=65535, description="of the page, on 127.0.0.1")
    diagonal_inches: float = Field(15.6, ge=7, le=100, description="of the glass: letters are measured in millimetres")
    floor_mm: int = Field(750, ge=0, le=1500, description="from the floor to the lower edge of the glass")
    here_every_s: float = Field(
        0, ge=0, le=600, description="between two spoken signs of where the kiosk stands, 0: none"
    )
    page: Path | None = Field(None, description="folder of another page; default: the one that comes with Nunchi")


class CameraSettings(_Part):
    """The browser's camera."""

    use: Literal["browser", "none"] = "browser"
    device: str = Field("", max_length=200, description="deviceId of one of several cameras")
    width: int = Field(1280, ge=320, le=3840)
    height: int = Field(720, ge=240, le=2160)


class LabelSettings(_Part):
    """Who answers about photos, and how answers become one decision."""

    labeller: Literal["cloud", "device", "device_when_late"] = "cloud"
    late_s: float = Field(8, ge=1, le=60, description="age of a photo from which its answer is dropped")
    patience_s: float = Field(1.5, gt=0, le=30, description="until the device answers itself, with device_when_late")
    burst: int = Field(5, ge=1, le=12, description="photos of a burst")
    keep: int = Field(3, ge=1, le=12, description="the sharpest of them, which are asked about")
    gap_ms: float = Field(220, ge=LEAST_GAP_MS, le=2000, description="between two photos")
    elder_share: float = Field(ELDER_SHARE, gt=0, lt=1, description="share of the shop's customers who are 60 or older")
    least_head: float = Field(80, ge=0, le=1000, description="height of a head in pixels, below which it is no answer")

    @model_validator(mode="after")
    def _keeps_what_it_takes(self) -> LabelSettings:
        if self.keep > self.burst:
            raise ValueError(f"keep is {self.keep}, of a burst of {self.burst}; keep fewer")
        return self


class VisitSettings(_Part):
    """When a visit ends."""

    leave_s: float = Field(4, ge=0.5, le=60, description="of absence, while the page is idle")


class VoiceSettings(_Part):
    """Push to talk in easy mode."""

    on: bool = True
    seconds: float = Field(7, ge=3, le=SECONDS, description="of one push")


class KioskToml(_Part):
    """kiosk.toml."""

    shop: ShopSettings = ShopSettings()
    screen: ScreenSettings = Field(default_factory=lambda: ScreenSettings.model_validate({}))
    camera: CameraSettings = Field(default_factory=lambda: CameraSettings.model_validate({}))
    labels: LabelSettings = Field(default_factory=lambda: LabelSettings.model_validate({}))
    visit: VisitSettings = Field(default_factory=lambda: VisitSettings.model_validate({}))
    voice: VoiceSettings = Field(default_factory=lambda: VoiceSettings.model_validate({}))

    def burst_rules(self) -> BurstRules:
        """How photos are taken."""
        labels, camera = self.labels, self.camera
        return BurstRules(
            count=labels.burst, keep=labels.keep, gap_ms=labels.gap_ms, width=camera.width, height=camera.height
        )

    def visit_rules(self, elder_from: float) -> VisitRules:
        """When visits begin and end, and what answers make of the screen."""
        labels = self.labels
        evidence = EvidenceRules(elder_share=labels.elder_share, least_head=labels.least_head)
        return VisitRules(leave_s=self.visit.leave_s, late_s=labels.late_s, elder_from=elder_from, evidence=evidence)


class CloudSettings(BaseModel):
    """<kiosk>.json of `nunchi kiosk add`: the addresses of the cloud. Fields that a newer one adds are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kiosk_id: Annotated[str, AfterValidator(check_kiosk_id)]
    client_id: str
    mqtt_host: str
    mqtt_port: int = Field(ge=1, le=65535)
    credentials_url: str
    region: str
    s3_endpoint: str
    bucket: str
    ca: str
    cert: str
    key: str
    elder_from: Annotated[float, AfterValidator(check_elder_from)] = DEFAULT_ELDER_FROM
    dynamodb_endpoint: str | None = None
    orders_table: str | None = None
    upload_days: int = Field(7, ge=1)
    result_days: int = Field(90, ge=1)
    review_days: int = Field(90, ge=1)


class Device(_Part):
    """All settings of one device."""

    folder: Path
    cloud: CloudSettings
    toml: KioskToml

    @classmethod
    def load(cls, folder: Path, file: Path | None = None) -> Device:
        """From the device's folder, and kiosk.toml there or in `file`. InvalidSettings names every mistake."""
        mistakes: list[str] = []
        cloud = _cloud(folder, mistakes)
        toml = _toml(folder, file, mistakes)
        if mistakes or cloud is None or toml is None:
            raise InvalidSettings(
                f"the settings in {folder} are invalid, nothing was started; correct these:\n  " + "\n  ".join(mistakes)
            )
        return cls(folder=folder, cloud=cloud, toml=toml)

    @property
    def certificate(self) -> Certificate:
        """The device's identity."""
        cloud = self.cloud
        ca, cert, key = (self.folder / name for name in (cloud.ca, cloud.cert, cloud.key))
        return Certificate(thing=cloud.kiosk_id, ca=ca, cert=cert, key=key)

    @property
    def broker(self) -> Broker:
        """The broker, and this device's id there."""
        cloud, identity = self.cloud, self.certificate
        return Broker(
            host=cloud.mqtt_host,
            port=cloud.mqtt_port,
            ca=identity.ca,
            cert=identity.cert,
            key=identity.key,
            client_id=cloud.client_id,
        )

    @property
    def s3_endpoint(self) -> str | None:
        """The address of S3 where it is not AWS's own."""
        return _local(self.cloud.s3_endpoint)

    @property
    def dynamodb_endpoint(self) -> str | None:
        """The address of DynamoDB where it is not AWS's own."""
        return _local(self.cloud.dynamodb_endpoint or "")


def _local(endpoint: str) -> str | None:
    return endpoint if endpoint.startswith("http://") else None


def _cloud(folder: Path, mistakes: list[str]) -> CloudSettings | None:
    """The settings of the one <kiosk>.json in the folder whose certificate is beside it."""
    files = [file for file in sorted(folder.glob("*.json")) if (folder / f"{file.stem}.cert.pem").exists()]
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        mistakes.append(
            f"{folder}: one NAME.json with NAME.cert.pem beside it is needed, found: {found}; `nunchi kiosk add NAME` "
            "writes such a folder"
        )
        return None
    try:
        fields = json.loads(files[0].read_text())
        cloud = CloudSettings.model_validate(fields)
    except ValidationError as error:
        mistakes += [f"{files[0]}: {_sentence(mistake)}" for mistake in error.errors()]
        return None
    except (OSError, ValueError) as error:
        mistakes.append(f"{files[0]}: {error}")
        return None
    for name in (cloud.ca, cloud.cert, cloud.key):
        try:
            (folder / name).open("rb").close()
        except OSError as error:
            mistakes.append(f"{folder / name}: {error.strerror}")
    return cloud


def _toml(folder: Path, file: Path | None, mistakes: list[str]) -> KioskToml | None:
    path = file or folder / FILE
    if file is None and not path.exists():
        return KioskToml()
    try:
        fields = read_toml(path)
        toml = KioskToml.model_validate(fields)
    except ValidationError as error:
        mistakes += [f"{path}: {_sentence(mistake)}" for mistake in error.errors()]
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        mistakes.append(f"{path}: {error}")
        return None
    menu, page = toml.shop.menu, toml.screen.page
    if menu is not None and not (folder / menu).is_file():
        mistakes.append(f"{path}: shop.menu: there is no file {folder / menu}")
    if page is not None and not (folder / page / "index.html").is_file():
        mistakes.append(f"{path}: screen.page: there is no {folder / page / 'index.html'}")
    return toml


def _sentence(mistake: Mapping[str, Any]) -> str:
    field = ".".join(map(str, mistake["loc"]))
    where = f"{field}: " if field else ""
    match mistake["type"]:
        case "extra_forbidden":
            return f"{where}there is no such setting"
        case "missing":
            return f"{where}missing"
        case "value_error":
            return f"{where}{mistake['ctx']['error']}"
    return f"{where}{mistake['msg'][:1].lower()}{mistake['msg'][1:]}, not {mistake['input']!r}"
