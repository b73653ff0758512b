"""The whole look at a recipe's data, for the terminal, the page (page.py) and programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from recipes.recipe import Recipe
from retrain.heads.dataset import GOLDEN, TRAIN
from retrain.heads.exploration.counts import (
    Crossed,
    HeadCounts,
    Quantiles,
    count_facts,
    count_head,
    count_inputs,
    count_joined,
    count_sources,
    count_weeks,
    cross,
    measure_pictures,
    teaching,
)
from retrain.heads.exploration.findings import Finding, Level, find
from retrain.heads.exploration.photos import Gathered, LeftOut


@dataclass(frozen=True, slots=True)
class Exploration:
    """The counts are of what teaches, unless they say golden; `pictures` are of both.

    `photos`, `subjects` and `groups`: by part. A group is one person, animal or thing. `left_out`: the photos that
    can't be used.
    """

    recipe: Recipe
    photos: Mapping[str, int]
    subjects: Mapping[str, int]
    groups: Mapping[str, int]
    heads: Sequence[HeadCounts]
    inputs: Mapping[str, Mapping[str, int]]
    facts: Mapping[str, Mapping[str, int]]
    crossed: Crossed | None
    joined: Mapping[str, int]
    sources: Mapping[str, Mapping[str, int]]
    weeks: Mapping[str, Mapping[str, int]]
    pictures: Mapping[str, Quantiles]
    findings: Sequence[Finding]
    left_out: Sequence[LeftOut]

    @property
    def stops(self) -> bool:
        """Whether a training would fail, or be skipped."""
        return any(finding.level is Level.STOPS for finding in self.findings)

    @property
    def reasons(self) -> dict[str, int]:
        """How many photos are left out, by reason."""
        return dict(sorted(Counter(each.why for each in self.left_out).items()))

    def to_fields(self) -> dict[str, Any]:
        """For programs: one JSON object. A photo's name may name a person; no picture is in it."""
        return {
            "recipe": self.recipe.name,
            "photos": dict(self.photos),
            "subjects": dict(self.subjects),
            "groups": dict(self.groups),
            "heads": [_head(each) for each in self.heads],
            "inputs": {name: dict(counts) for name, counts in self.inputs.items()},
            "facts": {name: dict(counts) for name, counts in self.facts.items()},
            "crossed": None if self.crossed is None else _crossed(self.crossed),
            "joined": dict(self.joined),
            "sources": {source: dict(counts) for source, counts in self.sources.items()},
            "weeks": {device: dict(counts) for device, counts in self.weeks.items()},
            "pictures": {name: asdict(quantiles) for name, quantiles in self.pictures.items()},
            "findings": [finding.to_fields() for finding in self.findings],
            "left_out": [asdict(each) for each in self.left_out],
            "stops": self.stops,
        }


def explore(recipe: Recipe, gathered: Gathered) -> Exploration:
    """Count and check what was read."""
    subjects, photos = gathered.subjects, gathered.photos
    taught = teaching(subjects)
    heads = tuple(count_head(recipe, head, subjects) for head in recipe.heads)
    parts = (TRAIN, GOLDEN)
    return Exploration(
        recipe=recipe,
        photos={part: sum(photo.part == part for photo in photos) for part in parts},
        subjects={part: sum(each.photo.part == part for each in subjects) for part in parts},
        groups={part: len({each.group for each in subjects if each.photo.part == part}) for part in parts},
        heads=heads,
        inputs=count_inputs(recipe, [photo for photo in photos if photo.part == TRAIN]),
        facts=count_facts(taught),
        crossed=cross(recipe, taught),
        joined=count_joined(recipe, taught),
        sources=count_sources(photos),
        weeks=count_weeks(photos),
        pictures=measure_pictures(gathered),
        findings=find(recipe, gathered, heads),
        left_out=tuple(gathered.left_out),
    )


def _head(counts: HeadCounts) -> dict[str, Any]:
    head = counts.head
    fields: dict[str, Any] = {
        "question": head.name,
        "when": dict(head.when),
        "later": head.later,
        "measured": head.colour is not None,
        "asked": counts.asked,
        "known": counts.known,
        "unknown": counts.unknown,
        "strange": counts.strange,
        "groups": counts.groups,
        "golden": counts.golden,
    }
    if head.score is None:
        return fields | {"values": [asdict(value) for value in counts.values]}
    return fields | {"score": None if counts.score is None else asdict(counts.score), "bins": list(counts.bins)}


def _crossed(crossed: Crossed) -> dict[str, Any]:
    return {
        "groups": list(crossed.groups),
        "of": list(crossed.of),
        "columns": list(crossed.columns),
        "rows": {name: list(counts) for name, counts in crossed.rows},
    }
