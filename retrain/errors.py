"""The exceptions of a training. Each message names the thing, the consequence and the remedy.

NunchiError (contracts.errors)
└── RetrainError                a training, or a step of it, can't go on as was asked; the incumbent serves on
    ├── InvalidDataset          the pictures and labels that there are make no dataset
    ├── InvalidReview           a review can't be read, or is of other pictures; nothing of it was stored
    ├── TrainerFailed           the trainer's process broke; its last checkpoint is kept
    ├── Interrupted             somebody, or a Spot notice, cut the training off; call it again and it goes on
    └── JudgementFailed         candidate and incumbent could not be measured; the incumbent serves on
"""

from contracts.errors import NunchiError


class RetrainError(NunchiError):
    """A training, or a step of it, can't go on as was asked."""


class InvalidDataset(RetrainError):
    """The pictures and labels that there are make no dataset."""

    rule = "dataset_refused"


class InvalidReview(RetrainError):
    """A review can't be read, or is of other pictures."""


class TrainerFailed(RetrainError):
    """The trainer's process broke."""

    rule = "training_crash"


class Interrupted(RetrainError):
    """Somebody, or a Spot notice, cut the training off."""


class JudgementFailed(RetrainError):
    """Candidate and incumbent could not be measured."""

    rule = "judgement_failed"
