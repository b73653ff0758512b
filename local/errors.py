"""The exceptions of the local cloud. Each message names the thing, the consequence and the remedy.

NunchiError (contracts.errors)
└── CloudError                  an error of the local cloud
    ├── CloudDown               no cloud is up in this state folder
    ├── CloudBusy               another process runs, starts or stops a cloud in this state folder
    ├── ToolMissing             a program that the local cloud needs is not installed
    ├── PortTaken               a requested port is in use
    ├── InvalidOptions          the mode does not allow this number of workers
    ├── ChildFailed             a process of the cloud ended, or was not ready in time
    ├── DeployFailed            the CDK could not synthesise or deploy the stack
    └── DocumentUnsupported     the local agent does not support the SSM document
"""

from contracts.errors import NunchiError


class CloudError(NunchiError):
    """An error of the local cloud."""


class CloudDown(CloudError):
    """No cloud is up in this state folder."""


class CloudBusy(CloudError):
    """Another process runs, starts or stops a cloud in this state folder."""


class ToolMissing(CloudError):
    """A program that the local cloud needs is not installed."""


class PortTaken(CloudError):
    """A requested port is in use."""


class InvalidOptions(CloudError):
    """The mode does not allow this number of workers."""


class ChildFailed(CloudError):
    """A process of the cloud ended, or was not ready in time."""


class DeployFailed(CloudError):
    """The CDK could not synthesise or deploy the stack."""


class DocumentUnsupported(CloudError):
    """The local agent does not support the SSM document."""
