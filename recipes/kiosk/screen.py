"""The rule of the screen: whether a kiosk shows its easy screen, with large letters and voice.

It hangs on the age alone, because a label is only as sure as age and gender together. A missed elder costs more than an
adult who sees large letters, so the screen turns before P(elder) reaches a half.
"""

from __future__ import annotations

from typing import Final

from recipes.kiosk.message import LabelMessage, Person

DEFAULT_ELDER_FROM: Final = 0.4
EASY: Final = "easy"
STANDARD: Final = "standard"


def easy_screen(message: LabelMessage, elder_from: float) -> bool:
    """Whether the easy screen is shown: from a P(elder) of the customer of `elder_from` on.

    Without answers (an older worker's message) the label decides. Without a customer, or with neither, the kiosk keeps
    its standard screen.
    """
    probability = elder_probability(message)
    if probability is None:
        return message.label is not None and message.label.elder
    return probability >= elder_from


def screen_of(message: LabelMessage, elder_from: float) -> str:
    """EASY or STANDARD."""
    return EASY if easy_screen(message, elder_from) else STANDARD


def elder_probability(message: LabelMessage) -> float | None:
    """The customer's P(elder), 0-1; None without a customer, and in messages of workers that knew only labels."""
    customer = customer_of(message)
    return None if customer is None or customer.answers is None else customer.answers.elder


def customer_of(message: LabelMessage) -> Person | None:
    """The customer among the people of a message; None without people."""
    return None if message.customer is None else message.people[message.customer]


def check_elder_from(value: float) -> float:
    """The threshold itself; ValueError with a sentence when it is not between 0 and 1."""
    if 0 < value < 1:
        return value
    raise ValueError(
        f"{value} is not a probability between 0 and 1: at 0 every customer would get the easy screen, at 1 no elder "
        f"would; use a number such as {DEFAULT_ELDER_FROM}"
    )
