"""Time zones that EventBridge Scheduler takes: an area and a place of the IANA database, or UTC.

A machine's own database has more: localtime, posix/…, right/… and Factory are no zones of IANA's list, and names
without a place (EST5EDT, ROK) are leftovers of old systems. AWS does not list the names that it refuses; we refuse all
of these, since an equal zone with a place exists for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final
from zoneinfo import available_timezones

from contracts.near import did_you_mean

_AREAS: Final = frozenset(
    {
        *("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Brazil", "Canada", "Chile"),
        *("Etc", "Europe", "Indian", "Mexico", "Pacific", "US"),
    }
)
_PLACES_OF: Final[Mapping[str, str]] = {
    "CET": "Europe/Berlin",
    "CST6CDT": "America/Chicago",
    "Cuba": "America/Havana",
    "EET": "Europe/Athens",
    "EST": "America/Panama",
    "EST5EDT": "America/New_York",
    "Egypt": "Africa/Cairo",
    "Eire": "Europe/Dublin",
    "GB": "Europe/London",
    "GB-Eire": "Europe/London",
    "GMT": "UTC",
    "HST": "Pacific/Honolulu",
    "Hongkong": "Asia/Hong_Kong",
    "Iceland": "Atlantic/Reykjavik",
    "Iran": "Asia/Tehran",
    "Israel": "Asia/Jerusalem",
    "Jamaica": "America/Jamaica",
    "Japan": "Asia/Tokyo",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "Libya": "Africa/Tripoli",
    "MET": "Europe/Paris",
    "MST": "America/Phoenix",
    "MST7MDT": "America/Denver",
    "NZ": "Pacific/Auckland",
    "PRC": "Asia/Shanghai",
    "PST8PDT": "America/Los_Angeles",
    "Poland": "Europe/Warsaw",
    "Portugal": "Europe/Lisbon",
    "ROC": "Asia/Taipei",
    "ROK": "Asia/Seoul",
    "Singapore": "Asia/Singapore",
    "Turkey": "Europe/Istanbul",
    "WET": "Europe/Lisbon",
    "Zulu": "UTC",
}


@cache
def zones() -> frozenset[str]:
    """The names that are accepted."""
    return frozenset(
        name for name in available_timezones() if name == "UTC" or ("/" in name and name.partition("/")[0] in _AREAS)
    )


def check_zone(name: str) -> str:
    """The name, if AWS takes it; otherwise ValueError with the remedy."""
    if name in zones():
        return name
    _, _, rest = name.partition("/")
    if name.startswith(("posix/", "right/")):
        kind = "without leap seconds" if name.startswith("posix/") else "with leap seconds"
        instead = f"; write {rest}" if rest in zones() else ""
        raise ValueError(f"{name!r} is this machine's file of a zone {kind}, which AWS does not know{instead}")
    if name in ("localtime", "posixrules", "Factory"):
        raise ValueError(
            f"{name!r} is a setting of this machine, which AWS does not know; write the shop's zone, as Asia/Seoul"
        )
    if name in _PLACES_OF:
        raise ValueError(f"{name!r} names no place, and AWS may refuse it; write {_PLACES_OF[name]}")
    places = {zone.rpartition("/")[2].lower(): zone for zone in sorted(zones()) if not zone.startswith("Etc/")}
    city = places.get(name.strip().lower().replace(" ", "_"))
    hint = f"; did you mean {city}?" if city else did_you_mean(name, zones())
    raise ValueError(f"{name!r} is not an IANA time zone{hint or '; write it as Asia/Seoul'}")
