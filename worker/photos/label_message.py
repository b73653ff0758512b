"""What a kiosk is told about its photo."""

from __future__ import annotations

from datetime import datetime

from contracts.messages import LabelMessage, Model
from contracts.names import Reference
from worker.photos.decision import Decision
from worker.photos.timing import PhotoTimes, Stopwatch


def label_message(
    reference: Reference, decision: Decision, model: Model, times: PhotoTimes, watch: Stopwatch, *, expires_at: datetime
) -> LabelMessage:
    """The message about a decision, with how long every step took so far."""
    steps = {"upload": times.upload_ms, "dispatch": times.dispatch_ms}
    steps |= {step: 1e3 * seconds for step, seconds in watch.seconds.items()}
    return LabelMessage(
        reference=reference,
        status=decision.status,
        label=decision.label,
        confidence=decision.confidence,
        reason=decision.reason,
        people=decision.people,
        customer=decision.customer,
        model=model,
        captured_at=times.captured_at,
        expires_at=expires_at,
        steps_ms={step: round(ms, 1) for step, ms in steps.items() if ms is not None},
    )
