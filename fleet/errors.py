"""The exceptions of the fleet. Each message names the thing, the consequence and the remedy.

NunchiError (contracts.errors)
└── FleetError                  the fleet can't be changed, or read, as was asked
    ├── InvalidKiosk            no kiosk can have this name; nothing was made
    ├── KioskExists             there is such a kiosk; nothing was made
    ├── KioskUnknown            there is no such kiosk; nothing was changed
    ├── IncompleteChange              a change failed half-way, and could not be taken back
    └── InvalidFolder           a device's files can't be written where they should be; none was changed
"""

from contracts.errors import NunchiError


class FleetError(NunchiError):
    """The fleet can't be changed, or read, as was asked."""


class InvalidKiosk(FleetError):
    """No kiosk can have this name."""


class KioskExists(FleetError):
    """There is such a kiosk."""


class KioskUnknown(FleetError):
    """There is no such kiosk."""


class IncompleteChange(FleetError):
    """A change failed half-way, and could not be taken back."""


class InvalidFolder(FleetError):
    """A device's files can't be written where they should be."""
