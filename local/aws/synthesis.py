"""The CDK app as `nunchi up` starts it: what it wrote for the same input before is deployed again.

    python -m local.aws.synthesis <folder of assemblies>

A synthesis takes ten seconds of one core, and most starts change nothing that it reads. The CDK's command line starts
this in place of `infra.app`: it copies the kept assembly into CDK_OUTDIR, or runs `infra.app` and keeps its output.
An assembly's key is a digest of all that a synthesis reads; tests hold SOURCES against what is imported and staged.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from config.nunchi_toml import DEFAULT_FILE, FILE_VARIABLE, ROOT, load
from config.retrain_calendar import next_retraining
from contracts.errors import SettingsError
from contracts.instants import now
from retrain.subprocesses import with_pdeathsig

KEPT: Final = 6  # one mode or setting is in use, seldom two; an assembly takes 4 MB
SOURCES: Final = (
    "config",
    "contracts",
    "imaging",
    "recipes",
    "infra",
    "lambdas",
    "mqtt",
    "registry",
    "retrain",
    "shell",
    "worker",
)
_CONTEXT_FILE: Final = "CONTEXT_OVERFLOW_LOCATION_ENV"  # the CDK's, for a context too long for CDK_CONTEXT_JSON
# Places that no template names; of the settings counts what the file holds.
_PLACES: Final = ("CDK_OUTDIR", "CDK_HOME", "CDK_ERROR_FILE", "CDK_PERF_COUNTERS_FILE", FILE_VARIABLE)


def key_of(environ: Mapping[str, str], at: datetime, *, root: Path = ROOT) -> str | None:
    """The digest of what a synthesis reads; None if there is something that it can't cover.

    Covered are the CDK's context and versions, the operator's settings, the sources and what goes into assets, every
    installed package, and the date that the schedule of retrainings names at `at`.
    """
    if _CONTEXT_FILE in environ:
        return None
    file = Path(environ.get(FILE_VARIABLE) or DEFAULT_FILE)
    try:
        config = load(file)
        settings = file.read_bytes()
    except (SettingsError, OSError):  # the app says it better
        return None
    digest = hashlib.sha256()

    def cover(*parts: str | bytes) -> None:
        for part in parts:
            data = part.encode() if isinstance(part, str) else part
            digest.update(b"%d:" % len(data) + data)

    cover(sys.version, platform.platform(), settings)
    cover(next_retraining(config.hours, config.training.period_days, at).isoformat())
    for name, value in sorted(environ.items()):
        if name.startswith(("CDK_", "NUNCHI_", "JSII_")) and name not in _PLACES:
            cover(name, value)
    for packages in sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}):
        cover(*sorted(package.name for package in Path(packages).glob("*.dist-info")))
    for path in _files(root):
        cover(str(path.relative_to(root)), oct(path.stat().st_mode), path.read_bytes())
    return digest.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    for source in SOURCES:
        for folder, folders, files in os.walk(root / source):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            yield from (Path(folder, name) for name in sorted(files))


class Assemblies:
    """The kept ones, each a folder named by its key. For the block of `alone`, no other process uses them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def alone(self) -> Generator[None, None, None]:
        """Two starts at once synthesise one after the other: the second finds what the first kept."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel frees it, however the process ends
            yield

    def fetch(self, key: str, out: Path) -> bool:
        """Copy the assembly into `out`; False if it is not kept."""
        kept = self._folder / key
        if not kept.is_dir():
            return False
        shutil.copytree(kept, out, dirs_exist_ok=True)
        os.utime(kept)
        return True

    def keep(self, key: str, out: Path) -> None:
        """Keep what `out` holds, whole or not at all, and remove what was not used for the longest time."""
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            fresh = shutil.copytree(out, Path(scratch, key), ignore=_locks_of(out))
            fresh.rename(self._folder / key)
        kept = [path for path in self._folder.iterdir() if path.is_dir()]
        for old in sorted(kept, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            shutil.rmtree(old)


def _locks_of(assembly: Path) -> Callable[[str, list[str]], set[str]]:
    """The CDK's own locks lie beside the templates; an asset may well have a file of such a name."""
    return lambda folder, names: {name for name in names if Path(folder) == assembly and name.endswith(".lock")}


def synthesise() -> int:
    """Run the app itself; its exit status."""
    return subprocess.run(with_pdeathsig([sys.executable, "-m", "infra.app"]), check=False).returncode


def main(
    folder: Path, environ: Mapping[str, str], *, root: Path = ROOT, synthesise: Callable[[], int] = synthesise
) -> int:
    """The exit status. On a disk that is full or read-only nothing is kept, and each start synthesises."""
    key = key_of(environ, now(), root=root)
    if key is None:
        return synthesise()
    out, assemblies = Path(environ["CDK_OUTDIR"]), Assemblies(folder)
    with ExitStack() as held:
        try:
            held.enter_context(assemblies.alone())
        except OSError:
            return synthesise()
        if assemblies.fetch(key, out):
            return 0
        status = synthesise()
        if status == 0 and key_of(environ, now(), root=root) == key:  # no source was edited meanwhile
            with suppress(OSError):
                assemblies.keep(key, out)
        return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), os.environ))
