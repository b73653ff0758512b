"""Makes the model of the recipe `face-score`, and measures it on people whom it has not seen.

    python -m day0.passport --data DATA --work FOLDER

`--data` is a folder with manifest.csv and photos/; FOLDER, empty or new, gets both datasets. Writes
recipes/face-score/model/ and docs/recipes/face-score-test.json. On two processors that were busy with other work the
training took 28 minutes, most of it for the features.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

from day0.passport.dataset import RECIPE, write

ROOT: Final = Path(__file__).parents[2]
MEASURED: Final = ROOT / "docs" / "recipes" / "face-score-test.json"
PEOPLE: Final = 600  # at most, of each dataset
SEED: Final = 0
TRAINED_ON: Final = (
    "portraits of members of the US Congress (public domain) and of the UK parliament (CC BY 3.0, © UK Parliament), "
    "and wide photos of FairFace (CC BY 4.0, Kärkkäinen and Joo, WACV 2021): splits train and val, spoiled by "
    "day0.passport"
)


def main() -> None:
    """Both datasets, the training, the measurement."""
    parser = argparse.ArgumentParser(
        prog="python -m day0.passport", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv and photos/")
    parser.add_argument("--work", type=Path, required=True, help="an empty or new folder")
    arguments = parser.parse_args()
    if arguments.work.exists() and any(arguments.work.iterdir()):
        parser.error(f"{arguments.work} is not empty, and a dataset must not mix with another; name a new folder")
    taught, judged = arguments.work / "train", arguments.work / "test"
    write(arguments.data, taught, ("train", "val"), PEOPLE, SEED)
    _nunchi("train", RECIPE, "--data", str(taught), "--trained-on", TRAINED_ON)
    write(arguments.data, judged, ("test",), PEOPLE, SEED)
    measured = _nunchi("measure", RECIPE, "--data", str(judged), "--json", read=True)
    MEASURED.write_text(measured, encoding="utf-8")
    print(f"wrote {MEASURED}")


def _nunchi(*arguments: str, read: bool = False) -> str:
    """Run `nunchi recipe`; its standard output if it is read."""
    command = [sys.executable, "-m", "ops", "recipe", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE if read else None)
    return done.stdout if read else ""


if __name__ == "__main__":
    main()
