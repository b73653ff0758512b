"""The exceptions of a kiosk.

NunchiError (contracts.errors)
└── KioskError                  an error of the kiosk
    ├── SubscriptionRefused     the certificate may not subscribe to the topic; a retry is useless
    ├── CredentialsRefused      the certificate gets no S3 credentials; a retry is useless
    ├── CredentialsUnavailable  the credential provider can't be reached, or is busy; a retry may help
    ├── NoAnswer                no label within the timeout; the photo may still be labelled later
    ├── InvalidMenu             menu.toml can't be read, or has mistakes, all of them named at once
    ├── InvalidOrder            an order that does not fit the menu; nothing was accepted
    ├── OrdersUnreadable        the book of orders can't be opened; nothing would be kept
    ├── NoLabeller              the cloud or the model on the box can't be asked now; a retry may help
    ├── InvalidSettings         kiosk.toml or the device's folder has mistakes, all of them named at once
    ├── VoiceMissing            no engine listens; everything is touched instead
    └── InvalidFrame            a broken frame between the agent and the voice engine; the engine is started again
"""

from contracts.errors import NunchiError


class KioskError(NunchiError):
    """An error of the kiosk."""


class SubscriptionRefused(KioskError):
    """The certificate may not subscribe to the topic."""


class CredentialsRefused(KioskError):
    """The certificate gets no S3 credentials."""


class CredentialsUnavailable(KioskError):
    """The credential provider can't be reached, or is busy."""


class NoAnswer(KioskError, TimeoutError):
    """No label arrived within the timeout."""


class InvalidMenu(KioskError, ValueError):
    """The menu can't be read or has mistakes; the shop can't sell by it."""


class InvalidOrder(KioskError, ValueError):
    """An order does not fit the menu; nothing was accepted."""


class OrdersUnreadable(KioskError):
    """The book of orders can't be opened."""


class NoLabeller(KioskError):
    """The cloud or the model on the box can't be asked now."""


class InvalidSettings(KioskError, ValueError):
    """The settings of the device have mistakes; it was not started."""


class VoiceMissing(KioskError):
    """No engine listens."""


class InvalidFrame(KioskError):
    """A broken frame between the agent and the voice engine."""
