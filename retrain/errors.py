"""The exceptions of a training. Each message names the thing, the consequence and the remedy.

NunchiError (contracts.errors)
└── RetrainError                a training, or a stage of it, failed; the model in service stays
    ├── InvalidDataset          the photos and labels do not make a valid dataset
    ├── InvalidReview           a review can't be read, or is of other photos; nothing of it was stored
    ├── TrainerFailed           the trainer's process failed; its last checkpoint is stored
    ├── Interrupted             a signal or a Spot notice interrupted the training; call it again to resume
    ├── JudgementFailed         candidate and incumbent could not be measured; the model in service stays
    └── RecalibrationFailed     the last layer can't be fitted, or not judged; the model in service stays
"""

from contracts.errors import NunchiError


class RetrainError(NunchiError):
    """A training, or a stage of it, failed."""


class InvalidDataset(RetrainError):
    """The photos and labels do not make a valid dataset."""

    rule = "dataset_refused"


class InvalidReview(RetrainError):
    """A review can't be read, or is of other photos."""


class TrainerFailed(RetrainError):
    """The trainer's process failed."""

    rule = "training_crash"


class Interrupted(RetrainError):
    """A signal or a Spot notice interrupted the training."""


class JudgementFailed(RetrainError):
    """Candidate and incumbent could not be measured."""

    rule = "judgement_failed"


class RecalibrationFailed(RetrainError):
    """The last layer of the model in service can't be fitted, or not judged, on the checked photos."""
