"""The exceptions of a kiosk.

NunchiError (contracts.errors)
└── KioskError                  an error of the kiosk
    ├── SubscriptionRefused     the certificate may not subscribe to the topic; a retry is useless
    ├── CredentialsRefused      the certificate gets no S3 credentials; a retry is useless
    ├── CredentialsUnavailable  the credential provider can't be reached, or is busy; a retry may help
    └── NoAnswer                no label within the timeout; the photo may still be labelled later
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
