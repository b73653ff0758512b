"""The exceptions of the registry. Each message names the thing, the consequence and the remedy.

NunchiError (contracts.errors)
└── RegistryError               weights can't be read, added or put into service as was asked
    ├── RunUnknown              there is no such run; nothing was changed
    ├── RunExists               there is such a run, of other bytes; nothing of it was changed
    ├── InvalidRun              the run is incomplete, or not the bytes promised; it is not put into service
    └── PointerMoved            somebody else moved the pointer; it was not moved by us
"""

from contracts.errors import NunchiError


class RegistryError(NunchiError):
    """Weights can't be read, added or put into service as was asked."""


class RunUnknown(RegistryError):
    """There is no such run."""

    rule = "incumbent_unreadable"


class RunExists(RegistryError):
    """There is such a run, of other bytes."""

    rule = "run_exists"


class InvalidRun(RegistryError):
    """The run is incomplete, or not the bytes promised."""

    rule = "incumbent_unreadable"


class PointerMoved(RegistryError):
    """Somebody else moved the pointer at the same time, or before."""

    rule = "pointer_moved"
