"""`nunchi recipe explore`: a look at a recipe's labelled pictures, in a folder or in a cloud, before they teach."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.markup import escape

from contracts.instants import now
from contracts.names import JSON_LABELS
from ops.commands.recipe_data import NameArgument, require_recipe
from ops.display import counted, echo_json, err, out, plain_table, progress_bars, show_command
from ops.exits import Exit, exits
from ops.options import DEFAULT_STATE, JsonOption, LocalOption, StateOption, in_cloud
from ops.supervise import interruptible
from recipes.reading import InvalidRecipe, load
from recipes.recipe import Recipe, Teaches
from retrain.errors import InvalidDataset

if TYPE_CHECKING:
    from retrain.heads.exploration.counts import HeadCounts
    from retrain.heads.exploration.exploration import Exploration
    from retrain.heads.exploration.photos import Gathered
    from retrain.progress import Say

# What reads and measures pictures imports NumPy, SciPy and Pillow: the command imports it when it runs.

EXIT_STOPS: Final = 6
_PARTS: Final = ("train", "golden")
_NUMBERS: Final = ("subjects", "photos", "groups", "golden", "brightness", "px")


def explore(
    name: NameArgument,
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="A folder with images/ and labels/, as of nunchi recipe train. Default: the dataset of the cloud.",
            metavar="DIR",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write a page with contact sheets into this folder, new or of an earlier page.", metavar="DIR"
        ),
    ] = None,
    crops: Annotated[
        int, typer.Option("--crops", help="Pictures on one contact sheet; 0: none at all.", min=0, max=200, metavar="N")
    ] = 24,
    most_images: Annotated[
        int, typer.Option("--most-images", help="Of a cloud: read the latest N photos that teach.", min=1, metavar="N")
    ] = 20_000,
    local: LocalOption = False,
    as_json: JsonOption = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Look at a recipe's labelled pictures before they teach: what there is, what is lacking, what may mislead a head.

    Counts subjects, photos and groups (one person, animal or thing) of every value; the judge's groups against what it
    judges by; joined classes; unknown answers; scores; where labels come from; sizes and brightness. Finds values with
    too few examples for a training, invalid label files, one picture under two labels, pictures of one animal that
    seem to be two, values that come with one value of something else only, and values that brightness alone tells.
    Nothing is trained, and no model is asked: of subjects that the finder does not find a training learns nothing.

    The page shows people: its folder is readable by you, and ignored by git. Delete it when you have looked.

    Exit status: 0 shown, 6 shown, and a training would fail for what is lacking; 5 no picture is labelled, or the page
    can't be written there, 2 an option is invalid, 1 the cloud has another recipe, or any other error.

    Example: nunchi recipe explore pet-eye --data my-eyes --out out/eyes
    """
    recipe = load(name)
    if recipe.teaches is not Teaches.HEADS:
        raise InvalidRecipe(
            f"the recipe {recipe.name!r} is taught as a detector; nothing was read. See: nunchi dataset build --help"
        )
    if data is not None and local:
        raise typer.BadParameter("name a folder or a cloud, not both", param_hint="--data")
    if data is None:
        require_recipe(name, local, state, "nothing was read, for its photos are labelled for that one")
    with exits({InvalidDataset: Exit.INVALID}, argument=()):
        found = _looked(recipe, _Place(data=data, local=local, state=state, most=most_images), folder, crops)
    if as_json:
        echo_json(found.to_fields() | {"page": None if folder is None else str(folder / "index.html")})
    else:
        _show(found)
        if folder is None:
            given = f"explore {name} --data {data} --out DIR" if data else f"explore {name} --out DIR"
            command = f"nunchi recipe {given}" if data else in_cloud(f"recipe {given}", local, state)
            show_command("See the pictures", command)
        else:
            show_command("Open", str(folder / "index.html"))
    if found.stops:
        raise typer.Exit(EXIT_STOPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the pictures are: in the folder `data`, or in the dataset of a cloud. `most`: of those that teach there."""

    data: Path | None
    local: bool
    state: Path
    most: int

    def __str__(self) -> str:
        if self.data is not None:
            return f"the folder {self.data}"
        return f"the dataset of the cloud {'on this machine' if self.local else 'on AWS'}"

    def gather(self, recipe: Recipe, work: Path, say: Say) -> Gathered:
        """Read and measure them; those of a cloud are downloaded into the folder `work`."""
        from ops.session import session_of  # noqa: PLC0415 - see above
        from retrain.bucket import DatasetBucket  # noqa: PLC0415 - see above
        from retrain.heads.exploration.photos import of_bucket, of_folder  # noqa: PLC0415 - see above

        if self.data is not None:
            return of_folder(recipe, self.data, say=say)
        with session_of(self.local, self.state) as session:
            bucket = DatasetBucket(session.client("s3"), session.bucket("dataset"), label_suffix=JSON_LABELS)
            return of_bucket(bucket, recipe, work, most=self.most, say=say)


def _looked(recipe: Recipe, place: _Place, folder: Path | None, crops: int) -> Exploration:
    """What is found, with the page written if there is a folder for it; InvalidDataset if nothing is labelled."""
    from retrain.heads.exploration.exploration import explore as look  # noqa: PLC0415 - see above
    from retrain.heads.exploration.page import prepare, write_page  # noqa: PLC0415 - see above
    from retrain.heads.exploration.sheets import draw_sheets  # noqa: PLC0415 - see above

    page = None if folder is None else prepare(folder)
    # A signal, too, deletes the photos of a cloud.
    with interruptible(), tempfile.TemporaryDirectory(prefix="nunchi-data-") as work, progress_bars() as say:
        gathered = place.gather(recipe, Path(work), say)
        if not gathered.photos and not gathered.stops:
            raise InvalidDataset(
                f"{place} has no labelled photo of the recipe {recipe.name!r}; nothing was written. Put pictures into "
                "images/, and for each a .json of the same name into labels/; into a cloud: nunchi recipe import"
            )
        found = look(recipe, gathered)
        if page is not None:
            sheets = draw_sheets(recipe, gathered, found.findings, most=crops, say=say)
            write_page(page, found, sheets, where=str(place), at=now())
    return found


def _show(found: Exploration) -> None:
    train, golden = (
        f"{counted(found.photos[part], 'photo')}, {counted(found.subjects[part], 'subject')} of "
        f"{counted(found.groups[part], 'group')}"
        for part in _PARTS
    )
    out.print(
        f"[bold]{escape(found.recipe.name)}[/]: {train} teach" + (f"; {golden} judge" if found.photos["golden"] else "")
    )
    _show_values(found)
    _show_scores(found.heads)
    if found.crossed is not None:
        numbers = found.crossed.columns
        table = plain_table(" × ".join(found.crossed.groups), *numbers, right=numbers)
        for row, counts in found.crossed.rows:
            table.add_row(escape(row), *("-" if count is None else f"{count:,}" for count in counts))
        out.print()
        out.print(table)
    for title, counts in _lists(found):
        out.print(f"[dim]{title}[/] " + escape(", ".join(f"{value} {count:,}" for value, count in counts.items())))
    _show_pictures(found)
    for reason, number in found.reasons.items():
        out.print(f"[yellow]left out[/] {number:,} {escape(reason)}")
    for finding in found.findings:
        colour = "red" if finding.level == "stops" else "yellow"
        err.print(f"[{colour}]{finding.level}[/] {escape(finding.text)}")
    if found.stops:
        out.print("[red]A training would fail, or be skipped, for what is lacking[/]")
    else:
        out.print("[green]A training has enough of every value[/]")


def _show_values(found: Exploration) -> None:
    numbers = [each for each in _NUMBERS if each != "golden" or found.photos["golden"]]
    table = plain_table("question", "value", *numbers, right=numbers)
    for head in found.heads:
        title = head.title
        for value in head.values:
            cells = {
                "subjects": f"{value.subjects:,}",
                "photos": f"{value.photos:,}",
                "groups": f"{value.groups:,}",
                "golden": f"{value.golden:,}",
                "brightness": "" if value.brightness is None else f"{value.brightness.middle:.0f}",
                "px": "" if value.px is None else f"{value.px.middle:.0f}",
            }
            table.add_row(f"[bold]{escape(title)}[/]", escape(value.value), *(cells[each] for each in numbers))
            title = ""
        if head.values and head.unknown:
            table.add_row(title, "[dim](no answer)[/]", f"[dim]{head.unknown:,}[/]")
    if table.row_count:
        out.print(table)


def _show_scores(heads: Sequence[HeadCounts]) -> None:
    numbers = ("subjects", "groups", "no answer", "lowest", "10 %", "median", "90 %", "highest")
    table = plain_table("score", *numbers, right=numbers)
    for head in heads:
        if head.score is not None:
            each = head.score
            quantiles = (each.low, each.tenth, each.middle, each.ninetieth, each.high)
            counts = (f"{head.known:,}", f"{head.groups:,}", f"{head.unknown:,}")
            table.add_row(f"[bold]{escape(head.title)}[/]", *counts, *(f"{number:g}" for number in quantiles))
    if table.row_count:
        out.print()
        out.print(table)


def _lists(found: Exploration) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Counts that are shown in a line each."""
    if found.joined:
        yield "joined:", found.joined
    for name, counts in found.inputs.items():
        yield f"{escape(name)}:", counts
    for name, counts in found.facts.items():
        yield f"fact {escape(name)}:", counts
    yield "labels of:", {source: sum(counts.values()) for source, counts in found.sources.items()}
    for device, counts in found.weeks.items():
        yield f"device {device}:", counts


def _show_pictures(found: Exploration) -> None:
    numbers = ("lowest", "10 %", "median", "90 %", "highest")
    table = plain_table("pictures", *numbers, right=numbers)
    for name, each in found.pictures.items():
        quantiles = (each.low, each.tenth, each.middle, each.ninetieth, each.high)
        table.add_row(name, *(f"{number:,.0f}" for number in quantiles))
    if table.row_count:
        out.print()
        out.print(table)
