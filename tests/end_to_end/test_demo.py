"""`nunchi demo`: what a newcomer sees first."""

from __future__ import annotations

from pathlib import Path

from local.environment import ROOT
from tests.end_to_end.conftest import Running, run_nunchi
from tests.end_to_end.processes import processes_of


def test_the_demo_uses_the_cloud_that_is_up_and_leaves_it_up(cloud: Running) -> None:
    """Every sample is answered, at least one is labelled, and where it is stored is shown."""
    told = cloud.nunchi("demo")
    assert told.returncode == 0, told.stderr
    assert "using the cloud in" in told.stderr
    for sample in (ROOT / "samples").glob("*.jpg"):
        assert sample.name in told.stdout
    assert "results/demo/" in told.stdout
    assert "auto/labels/demo/" in told.stdout
    assert cloud.record.state == "up"


def test_the_demo_starts_a_cloud_for_itself_and_takes_it_down(tmp_path: Path) -> None:
    """With a photo of one's own, and nothing left behind."""
    told = run_nunchi(tmp_path / "none", "demo", str(ROOT / "samples" / "usg_G000569.jpg"))
    assert told.returncode == 0, told.stderr
    assert "usg_G000569.jpg" in told.stdout
    assert "nothing is left running" in told.stderr
    assert not list(tmp_path.iterdir())
    assert processes_of(tmp_path) == {}
