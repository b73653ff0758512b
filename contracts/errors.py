"""The exceptions of the contracts.

NunchiError                 everything this project raises on purpose
└── ContractError           a value that breaks what the programs agreed on
    ├── InvalidName         a kiosk id, image id, key or topic that is not one (see names.py)
    ├── InvalidMessage      a message or result that does not follow its schema (see messages.py)
    ├── InvalidLabelFile       a YOLO label file that is none (see yolo.py)
    └── SettingsError       settings missing or wrong, all of them named at once (see settings.py)
"""

from typing import ClassVar


class NunchiError(Exception):
    """Base of every error that this project raises on purpose.

    `rule` is that of a training which ends by the error; docs/data-people.md explains each.
    """

    rule: ClassVar[str] = "refused"


class ContractError(NunchiError, ValueError):
    """A value breaks what the programs agreed on."""


class InvalidName(ContractError):
    """A name is not of its form; nothing was read or written under it."""


class InvalidMessage(ContractError):
    """A message does not follow its schema; it is not acted upon."""


class InvalidLabelFile(ContractError):
    """A label file says nothing that a YOLO of ours could learn; its picture is left out."""


class SettingsError(ContractError):
    """Settings are missing or wrong; the program has done nothing yet."""
