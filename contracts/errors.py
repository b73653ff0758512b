"""The exceptions of the contracts.

NunchiError                 base of every error that this project raises on purpose
└── ContractError           a value that breaks what the programs agreed on
    ├── InvalidName         an invalid kiosk id, image id, key or topic (see names.py)
    ├── InvalidMessage      a message or result that does not follow its schema (see messages.py)
    ├── InvalidLabelFile    an invalid YOLO label file (see yolo.py)
    ├── InvalidBox          a number, box or pair of boxes that breaks the rules (see box_rules.py)
    ├── InvalidText         a file that is not text (see text_files.py)
    └── SettingsError       missing or invalid settings, all of them named at once (see settings.py)
"""

from typing import ClassVar


class NunchiError(Exception):
    """Base of every error that this project raises on purpose.

    `rule` is recorded as the rule of a training that ends with the error; docs/data-people.md explains each rule.
    """

    rule: ClassVar[str] = "refused"


class ContractError(NunchiError, ValueError):
    """A value breaks what the programs agreed on."""


class InvalidName(ContractError):
    """A name is invalid; nothing was read or written under it."""


class InvalidMessage(ContractError):
    """A message does not follow its schema; it is ignored."""


class InvalidLabelFile(ContractError):
    """A YOLO label file is invalid; its picture is excluded."""


class InvalidBox(ContractError):
    """A box breaks the rules for boxes; its picture is excluded."""


class InvalidText(ContractError):
    """A file is not text; it was not read."""


class SettingsError(ContractError):
    """Settings are missing or invalid; the program did nothing."""
