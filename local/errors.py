"""The exceptions of the local cloud. Each message names the thing, the consequence and the remedy.

NunchiError (contracts.errors)
└── CloudError                  the local cloud can't do what was asked
    ├── CloudDown               nothing is up in this state folder
    ├── CloudBusy               somebody else runs, starts or stops a cloud in this state folder
    ├── ToolMissing             a program that the local cloud needs is not installed
    ├── PortTaken               a port that was asked for is in use
    ├── InvalidOptions            a number of workers that the mode does not have
    ├── ChildFailed             a process of the cloud ended, or was not ready in time
    ├── DeployFailed            the CDK could not synthesise or deploy the stack
    └── DocumentUnsupported     the SSM document asks for what the local agent does not do
"""

from contracts.errors import NunchiError


class CloudError(NunchiError):
    """The local cloud can't do what was asked."""


class CloudDown(CloudError):
    """Nothing is up in this state folder."""


class CloudBusy(CloudError):
    """Somebody else runs, starts or stops a cloud in this state folder."""


class ToolMissing(CloudError):
    """A program that the local cloud needs is not installed."""


class PortTaken(CloudError):
    """A port that was asked for is in use."""


class InvalidOptions(CloudError):
    """A number of workers that the mode does not have."""


class ChildFailed(CloudError):
    """A process of the cloud ended, or was not ready in time."""


class DeployFailed(CloudError):
    """The CDK could not synthesise or deploy the stack."""


class DocumentUnsupported(CloudError):
    """The SSM document asks for what the local agent does not do."""
