"""The exceptions of the fleet. Each message names the thing, the consequence and the remedy.

NunchiError (contracts.errors)
└── FleetError                  the fleet can't be changed or read
    ├── InvalidKiosk            the name is invalid; nothing was created
    ├── KioskExists             the kiosk exists; nothing was created
    ├── KioskUnknown            there is no such kiosk; nothing was changed
    ├── IncompleteChange        a change failed half-way, and could not be undone
    └── InvalidFolder           the device's files can't be written there; no file was changed
"""

from contracts.errors import NunchiError


class FleetError(NunchiError):
    """The fleet can't be changed or read."""


class InvalidKiosk(FleetError):
    """The name is invalid."""


class KioskExists(FleetError):
    """The kiosk exists."""


class KioskUnknown(FleetError):
    """There is no such kiosk."""


class IncompleteChange(FleetError):
    """A change failed half-way, and could not be undone."""


class InvalidFolder(FleetError):
    """The device's files can't be written there."""
