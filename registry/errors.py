"""The exceptions of the registry. Each message names the thing, the consequence and the remedy.

NunchiError (contracts.errors)
└── RegistryError               weights can't be read, added or promoted
    ├── RunUnknown              the run is missing or incomplete; nothing was changed
    ├── RunExists               the run exists with other files; it was not changed
    ├── InvalidRun              a file of the run is missing, or its SHA-256 differs; it is not promoted
    └── PointerMoved            the pointer was moved concurrently; it was not moved again
"""

from contracts.errors import NunchiError


class RegistryError(NunchiError):
    """Weights can't be read, added or promoted."""


class RunUnknown(RegistryError):
    """The run is missing or incomplete."""

    rule = "incumbent_unreadable"


class RunExists(RegistryError):
    """The run exists with other files."""

    rule = "run_exists"


class InvalidRun(RegistryError):
    """A file of the run is missing, or its SHA-256 differs from the manifest's."""

    rule = "incumbent_unreadable"


class PointerMoved(RegistryError):
    """The pointer was moved since it was read."""

    rule = "pointer_moved"
