"""The exceptions of a kiosk.

NunchiError (contracts.errors)
└── KioskError                  the kiosk can't do its part
    ├── SubscriptionRefused     the broker does not let this certificate hear that topic; trying again won't help
    ├── CredentialsRefused      this certificate gets no S3 credentials; trying again won't help
    ├── CredentialsUnavailable  the credential provider can't be reached, or is busy; trying again may help
    └── NoAnswer                no label in the time given; the photo may still be labelled later
"""

from contracts.errors import NunchiError


class KioskError(NunchiError):
    """The kiosk can't do its part."""


class SubscriptionRefused(KioskError):
    """The broker does not let this certificate hear that topic."""


class CredentialsRefused(KioskError):
    """This certificate gets no S3 credentials."""


class CredentialsUnavailable(KioskError):
    """The credential provider can't be reached, or is busy."""


class NoAnswer(KioskError, TimeoutError):
    """No label came in the time given."""
