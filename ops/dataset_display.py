"""What people and programs see of a dataset."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from contracts.instants import to_text
from contracts.labels import LABELS
from ops.display import out
from retrain.bucket import Tree

if TYPE_CHECKING:
    from retrain.dataset import DatasetManifest


def row(manifest: DatasetManifest) -> dict[str, Any]:
    """A build as programs get it."""
    return {
        "build": manifest.build,
        "made_at": to_text(manifest.made_at),
        "digest": manifest.digest,
        "counts": manifest.counts,
        "new": sum(item.new and item.source is not Tree.GOLDEN for item in manifest.items),
        "left_out": _reasons(manifest),
        "warnings": list(manifest.warnings),
    }


def tell(manifest: DatasetManifest) -> None:
    """A build, for people."""
    from retrain.dataset.photos import REASONS, ExclusionReason  # noqa: PLC0415 - so that other commands stay quick

    out.print(f"[bold]{escape(manifest.build)}[/], digest {manifest.digest}")
    table = table_of("split", *LABELS, "pictures", "of nobody")
    for split, counts in manifest.counts.items():
        table.add_row(split, *(f"{number:,}" for number in counts.values()))
    out.print(table)
    for why, number in _reasons(manifest).items():
        out.print(f"[dim]left out[/] {number:,} {why}: {REASONS[ExclusionReason(why)]}")
    for warning in manifest.warnings:
        out.print(f"[yellow]{escape(warning)}[/]")


def table_of(*columns: str) -> Table:
    """A table whose columns are numbers, but for the names that builds and splits have."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="left" if column in ("split", "build", "made") else "right")
    return table


def _reasons(manifest: DatasetManifest) -> dict[str, int]:
    return {str(why): number for why, number in sorted(Counter(photo.why for photo in manifest.excluded).items())}
