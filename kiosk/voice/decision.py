"""What was meant: the rule over the words that a recogniser heard in one listening. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kiosk.voice.port import Heard
from kiosk.voice.words import CANCEL, COUNTS, LEAD_INS

NOTHING: Final = Heard("nothing", ())
CANCELLED: Final = Heard("cancelled", ())
# More words than these around a keyword are talk, not an order.
MOST_OTHERS: Final = 4
# Around the name of a dish. More made no more of 93 names right, by voices of `train` and `validate`, and one wrong.
MOST_OTHERS_OF_A_DISH: Final = 1

Spelling = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keywords:
    """`words`: expected word ids in the order heard; `others`: how many words that mean nothing stood around them.

    `halved`: dishes that follow a word which may have been the first half of another dish's name.
    """

    words: tuple[str, ...]
    others: int
    halved: frozenset[str] = frozenset()


def keywords(tokens: Sequence[str], spellings: Mapping[Spelling, str], fillers: Collection[str] = ()) -> Keywords:
    """Find the words in what was heard. `spellings`: tokens → expected word id; the longest one wins."""
    longest = max((len(spelling) for spelling in spellings), default=0)
    tails = {spelling[at:] for spelling in spellings for at in range(1, len(spelling))}
    words, halved, others, at, clear = list[str](), set[str](), 0, 0, True
    while at < len(tokens):
        for size in range(min(longest, len(tokens) - at), 0, -1):
            spelling = tuple(tokens[at : at + size])
            if (word := spellings.get(spelling)) is not None:
                words.append(word)
                if spelling in tails and not clear:
                    halved.add(word)
                at, clear = at + size, True
                break
        else:
            others += tokens[at] not in fillers
            clear = tokens[at] in LEAD_INS
            at += 1
    return Keywords(tuple(words), others, frozenset(halved))


def decide(heard: Keywords, dishes: Collection[str], *, dish_wanted: bool) -> Heard:
    """Understood only when exactly one keyword was heard: one dish, perhaps with its count after it, or another word.

    Cancel is obeyed wherever it stands. A word said twice is one word. A count before a dish is not taken: the page
    asks for it, and it stands among the words that mean nothing. `dish_wanted`: no dish is open yet, so a count alone
    means nothing.
    """
    words = tuple(dict.fromkeys(heard.words))
    if CANCEL in words:
        return CANCELLED
    if heard.others > MOST_OTHERS or not words:
        return NOTHING
    ordered = [word for word in words if word in dishes]
    counts = [word for word in words if word in COUNTS]
    if len(ordered) == 1 and len(words) == 1 + len(counts) and len(counts) <= 1 and not heard.halved & set(ordered):
        early = words[0] != ordered[0]
        if heard.others + early > MOST_OTHERS_OF_A_DISH:
            return NOTHING
        return Heard("understood", (ordered[0],) if early else words)
    alone = len(words) == 1 and not ordered and not (counts and dish_wanted)
    return Heard("understood", words) if alone else NOTHING


def second_opinion(first: Heard, probabilities: Mapping[str, float], expected: Collection[str], least: float) -> Heard:
    """The head's word, where the grammar understood nothing and the head is sure of a word that is expected.

    `probabilities`: of each word of the head, () for sound that it does not judge; `least`: from where it is sure.
    """
    if first.status != "nothing" or not probabilities:
        return first
    word = max(probabilities, key=lambda name: probabilities[name])
    if probabilities[word] < least or word not in expected:
        return first
    return CANCELLED if word == CANCEL else Heard("understood", (word,))
