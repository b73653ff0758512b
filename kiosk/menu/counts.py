"""What sells, counted for the shop, by label, and by label and hour; and how far showing a dish sells it.

A suggestion sells: customers take a dish more often because it is on the first screen. Counted plainly, such orders
would keep a dish among the suggestions that few would have looked for. So an order of a dish that was on the screen as
a suggestion counts 1 / lift, where the lift is what showing multiplies the odds of an order by. The kiosk's own log
says how much that is: each dish is shown to some customers and not to others of the same label, and Mantel and
Haenszel's estimator (Journal of the National Cancer Institute 22, 1959) joins the odds ratios of these strata, so that
a dish that is shown because it sells is no evidence for the lift. `bench/menu.py` measures what the correction brings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from kiosk.menu.orders import Ordered
from recipes.kiosk.labels import Label

# Until the log says otherwise: showing a dish multiplies the odds of its order by 1.5.
PRIOR_LIFT: Final = 1.5
_PRIOR_WEIGHT: Final = 5.0
_MOST_LIFT: Final = 10.0  # beyond it, chance; a dish would hardly count any more

# Shrinkage in orders (Dirichlet-multinomial): a label's shares weigh as much as the shop's after 40 orders of that
# label, those of its hour as much as the label's after 20 orders in that hour.
SHOP_PRIOR: Final = 10.0
LABEL_PRIOR: Final = 40.0
HOUR_PRIOR: Final = 20.0

Weights = dict[str, float]


@dataclass(slots=True)
class Tally:
    """Weights of orders by dish: `free` of those that chose it unsuggested, `led` of those that were shown it."""

    free: Weights = field(default_factory=lambda: defaultdict(float))
    led: Weights = field(default_factory=lambda: defaultdict(float))

    def add(self, ordered: Ordered, weight: float) -> None:
        """Count each dish of the order once."""
        for dish in ordered.dishes:
            (self.led if dish in ordered.shown else self.free)[dish] += weight

    def of(self, dishes: Sequence[str], lift: float) -> list[float]:
        """The corrected weights of these dishes."""
        return [self.free.get(dish, 0.0) + self.led.get(dish, 0.0) / lift for dish in dishes]


@dataclass(slots=True)
class Exposure:
    """Whole orders of one label, or of the shop: all, those with a dish, those that were shown it, those with both."""

    orders: int = 0
    chosen: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    shown: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    shown_chosen: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, ordered: Ordered) -> None:
        """Count one order."""
        self.orders += 1
        for dish in ordered.dishes:
            self.chosen[dish] += 1
        for dish in ordered.shown:
            self.shown[dish] += 1
            self.shown_chosen[dish] += dish in ordered.dishes

    def strata(self) -> Iterable[tuple[float, float]]:
        """For each dish shown to some and not to others: numerator and denominator of its Mantel-Haenszel term."""
        for dish, shown in self.shown.items():
            if shown < self.orders:
                led, free = self.shown_chosen.get(dish, 0), self.chosen.get(dish, 0) - self.shown_chosen.get(dish, 0)
                passed, absent = shown - led, self.orders - shown - free
                yield led * absent / self.orders, passed * free / self.orders


class Counts:
    """Counts of orders, and the shares of dishes that they predict. `add` takes orders in any order, each once.

    An order counts for its label with the label's confidence (0-1), and whole for the shop.
    """

    def __init__(self, orders: Iterable[Ordered] = ()) -> None:
        self.shop = Tally()
        self.labels: Mapping[Label, Tally] = {label: Tally() for label in Label}
        self.hours: Mapping[tuple[Label, int], Tally] = defaultdict(Tally)
        self.shop_exposure = Exposure()
        self.exposures: Mapping[Label | None, Exposure] = {label: Exposure() for label in (*Label, None)}
        self._lift: float | None = None
        for ordered in orders:
            self.add(ordered)

    def add(self, ordered: Ordered) -> None:
        """Count one order."""
        self._lift = None
        self.shop.add(ordered, 1.0)
        self.shop_exposure.add(ordered)
        self.exposures[ordered.label].add(ordered)
        if ordered.label is not None:
            weight = 1.0 if ordered.confidence is None else ordered.confidence
            self.labels[ordered.label].add(ordered, weight)
            self.hours[ordered.label, ordered.hour].add(ordered, weight)

    def lift(self) -> float:
        """What showing a dish multiplies the odds of its order by, 1 to 10: Mantel-Haenszel over labels and dishes."""
        if self._lift is None:
            numerator, denominator = PRIOR_LIFT * _PRIOR_WEIGHT, _PRIOR_WEIGHT
            for exposure in self.exposures.values():
                for above, below in exposure.strata():
                    numerator, denominator = numerator + above, denominator + below
            self._lift = min(_MOST_LIFT, max(1.0, numerator / denominator))
        return self._lift

    def shares(self, dishes: Sequence[str], label: Label | None, confidence: float | None, hour: int) -> list[float]:
        """The expected share of each dish among the orders of such a customer at that hour, adding up to 1.

        Shop → label → label × hour, each level a prior of the next. `confidence` of the label mixes the last with the
        shop's: a label that is half sure is half a label.
        """
        lift = self.lift()
        shop = shrunken(self.shop.of(dishes, lift), [1 / len(dishes)] * len(dishes), SHOP_PRIOR)
        if label is None:
            return shop
        by_label = shrunken(self.labels[label].of(dishes, lift), shop, LABEL_PRIOR)
        tally = self.hours.get((label, hour))
        alike = by_label if tally is None else shrunken(tally.of(dishes, lift), by_label, HOUR_PRIOR)
        sure = 1.0 if confidence is None else confidence
        return [sure * mine + (1 - sure) * anyone for mine, anyone in zip(alike, shop, strict=True)]


def shrunken(counts: Sequence[float], prior: Sequence[float], strength: float) -> list[float]:
    """The mean of a Dirichlet-multinomial: shares by `counts`, drawn to `prior` as by `strength` orders."""
    total = sum(counts) + strength
    return [(count + strength * share) / total for count, share in zip(counts, prior, strict=True)]
