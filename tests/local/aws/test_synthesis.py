"""A kept assembly is deployed only for the input that it was synthesised from."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.aws.synthesis import KEPT, SOURCES, Assemblies, key_of, main

AT = datetime(2026, 3, 1, tzinfo=UTC)
MUCH_LATER = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one file in each folder that a synthesis reads."""
    for source in SOURCES:
        (tmp_path / "root" / source).mkdir(parents=True)
        (tmp_path / "root" / source / "code.py").write_text(f"name = '{source}'\n")
    (tmp_path / "root" / "nunchi.toml").write_text('mode = "command"\n')
    return tmp_path / "root"


@pytest.fixture
def environ(root: Path) -> dict[str, str]:
    """What the CDK's command line starts the app with."""
    return {
        "CDK_OUTDIR": str(root.parent / "out"),
        "CDK_CONTEXT_JSON": '{"flag": true}',
        "CDK_CLI_VERSION": "2.1",
        "NUNCHI_CONFIG": str(root / "nunchi.toml"),
        "NUNCHI_MODE": "command",
    }


@pytest.mark.parametrize("source", SOURCES)
def test_a_changed_source_is_another_key(root: Path, environ: dict[str, str], source: str) -> None:
    """Its text, its name and its mode all count: each goes into a template or a zip."""
    keys = [key_of(environ, AT, root=root)]
    code = root / source / "code.py"
    code.write_text("name = 'another'\n")
    keys.append(key_of(environ, AT, root=root))
    code.chmod(0o755)
    keys.append(key_of(environ, AT, root=root))
    code.rename(code.with_name("renamed.py"))
    keys.append(key_of(environ, AT, root=root))
    assert None not in keys
    assert len(set(keys)) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"CDK_CONTEXT_JSON": '{"flag": false}'},
        {"CDK_CLI_VERSION": "2.2"},
        {"NUNCHI_MODE": "queue"},
        {"NUNCHI_REGION": "us-east-1"},
        {"NUNCHI_PACE": "local"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_environment_is_another_key(root: Path, environ: dict[str, str], change: dict[str, str]) -> None:
    """The CDK's context and version, and whatever the app is told of the settings."""
    assert key_of(environ | change, AT, root=root) != key_of(environ, AT, root=root)


def test_changed_settings_are_another_key(root: Path, environ: dict[str, str]) -> None:
    """The content of the file counts, and not its place."""
    before = key_of(environ, AT, root=root)
    moved = (root / "nunchi.toml").rename(root / "moved.toml")
    assert key_of(environ | {"NUNCHI_CONFIG": str(moved)}, AT, root=root) == before
    moved.write_text('mode = "queue"\n')
    assert key_of(environ | {"NUNCHI_CONFIG": str(moved)}, AT, root=root) != before


def test_a_retraining_date_that_passed_is_another_key(root: Path, environ: dict[str, str]) -> None:
    """The template of the schedule names the next one."""
    assert key_of(environ, MUCH_LATER, root=root) != key_of(environ, AT, root=root)


def test_what_no_template_names_leaves_the_key(root: Path, environ: dict[str, str]) -> None:
    """Python's byte code, other folders, and where the CDK works."""
    before = key_of(environ, AT, root=root)
    for folder in ("tests", "infra/__pycache__"):
        (root / folder).mkdir()
        (root / folder / "code.pyc").write_text("")
    places = {"CDK_OUTDIR": "/elsewhere", "CDK_HOME": "/cdk", "CDK_ERROR_FILE": "/1", "HOME": "/root"}
    assert key_of(environ | places, AT, root=root) == before


def test_what_the_key_can_not_cover_has_none(root: Path, environ: dict[str, str]) -> None:
    """A context in a file of the CDK's; settings that the app refuses."""
    assert key_of(environ | {"CONTEXT_OVERFLOW_LOCATION_ENV": "/context.json"}, AT, root=root) is None
    (root / "nunchi.toml").write_text("mode = 3\n")
    assert key_of(environ, AT, root=root) is None
    (root / "nunchi.toml").unlink()
    assert key_of(environ, AT, root=root) is None


class App:
    """In the place of infra.app: writes an assembly, counts its runs, does something meanwhile."""

    def __init__(self, out: Path, *, status: int = 0, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.runs = 0
        self._out = out
        self._status = status
        self._meanwhile = meanwhile

    def __call__(self) -> int:
        self.runs += 1
        (self._out / "asset.1").mkdir(parents=True)
        (self._out / "manifest.json").write_text("{}")
        (self._out / "synth.lock").write_text("the CDK's")
        (self._out / "asset.1" / "data.lock").write_text("ours")
        self._meanwhile()
        return self._status


def deployed(folder: Path, root: Path, environ: dict[str, str], number: int, app: Callable[[Path], App]) -> App:
    """A deployment into a fresh folder; the app, which may not have run."""
    out = root.parent / f"out-{number}"
    out.mkdir()
    used = app(out)
    assert main(folder, environ | {"CDK_OUTDIR": str(out)}, root=root, synthesise=used) == used._status
    return used


def test_the_second_deployment_of_a_kind_takes_what_the_first_wrote(root: Path, environ: dict[str, str]) -> None:
    """Whole, but for the CDK's own lock; changed settings are synthesised anew."""
    folder = root.parent / "kept" / "assemblies"
    assert deployed(folder, root, environ, 1, App).runs == 1
    assert deployed(folder, root, environ, 2, App).runs == 0
    out = root.parent / "out-2"
    assert {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} == {
        "manifest.json",
        "asset.1/data.lock",
    }
    (root / "nunchi.toml").write_text('mode = "queue"\n')
    assert deployed(folder, root, environ, 3, App).runs == 1


def test_a_synthesis_that_failed_is_not_kept(root: Path, environ: dict[str, str]) -> None:
    """Its exit status goes to the CDK, each time."""
    folder = root.parent / "kept"
    for number in (1, 2):
        assert deployed(folder, root, environ, number, lambda out: App(out, status=3)).runs == 1


def test_a_source_edited_during_the_synthesis_keeps_nothing(root: Path, environ: dict[str, str]) -> None:
    """Which of the two texts was read is not known."""
    folder, code = root.parent / "kept", root / "infra" / "code.py"
    before = code.read_text()
    deployed(folder, root, environ, 1, lambda out: App(out, meanwhile=lambda: code.write_text("edited = True\n")))
    assert deployed(folder, root, environ, 2, lambda out: App(out, meanwhile=lambda: code.write_text(before))).runs == 1
    assert deployed(folder, root, environ, 3, App).runs == 1


def test_where_nothing_can_be_kept_each_deployment_synthesises(root: Path, environ: dict[str, str]) -> None:
    """Here a file is in the folder's place; the same goes for a disk that is read-only."""
    folder = root.parent / "kept"
    folder.write_text("")
    for number in (1, 2):
        assert deployed(folder, root, environ, number, App).runs == 1


def test_the_assemblies_used_last_are_kept(tmp_path: Path) -> None:
    """A new one removes the one that was not used for the longest time."""
    assemblies, out = Assemblies(tmp_path / "kept"), tmp_path / "out"
    out.mkdir()
    with assemblies.alone():
        for number in range(KEPT):
            assemblies.keep(str(number), out)
            os.utime(tmp_path / "kept" / str(number), (number, number))
        assert assemblies.fetch("0", tmp_path / "used")
        assemblies.keep("new", out)
    assert {path.name for path in (tmp_path / "kept").iterdir() if path.is_dir()} == {
        "new",
        "0",
        *(str(number) for number in range(2, KEPT)),
    }
