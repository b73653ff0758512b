"""In what order the files of tests run, on which of several processes, and which of them `make test-fast` leaves out.

Two processes end together if what takes minutes begins first, and what takes a second fills the rest.
"""

from __future__ import annotations

from typing import Final

import pytest
from xdist.scheduler import LoadFileScheduling

# Of the clouds that tests of one process share, each takes ten seconds to start: these files go to one process.
ON_THE_SHARED_CLOUD: Final = (
    "tests/end_to_end/test_browser.py",
    "tests/end_to_end/test_command.py",
    "tests/end_to_end/test_demo.py",
    "tests/end_to_end/test_doctor.py",
    "tests/end_to_end/test_documents.py",
    "tests/end_to_end/test_faults.py",
    "tests/end_to_end/test_kiosks.py",
    "tests/end_to_end/test_path.py",
    "tests/end_to_end/test_screen.py",
    "tests/end_to_end/test_weights.py",
)
# Files and folders by how long they take. All others follow, in the order of their names.
LONGEST_FIRST: Final = (
    "tests/end_to_end/test_flywheel.py",
    *ON_THE_SHARED_CLOUD,
    # A process whose file has one test takes another file with it: not one that takes minutes, too.
    "tests/recipes/kiosk/test_message.py",
    "tests/end_to_end/test_data_people.py",
    "tests/end_to_end/test_training_machine.py",
    "tests/end_to_end/test_queue.py",
    "tests/end_to_end/test_first_hour.py",
    "tests/end_to_end/test_try.py",
    "tests/retrain/trainer/test_trainer.py",
    "tests/retrain/heads/test_tuning.py",
    "tests/retrain/judge/test_judgement.py",
    "tests/retrain/run/test_training_run.py",
    "tests/security",
    "tests/infra",
    "tests/kiosk/screen/page/test_measures.py",
    "tests/kiosk/screen/page/test_walks.py",
    "tests/kiosk/screen/page/test_soak.py",
    "tests/demo/try_page/test_page.py",
    "tests/retrain/fit/test_processes.py",
    "tests/worker/kiosk",
    "tests/worker/models",
)
# What starts a cloud, a browser, a trainer or a whole machine's boot, or synthesises the stacks.
SLOW: Final = (
    "tests/demo/try_page/test_page.py",
    "tests/end_to_end",
    "tests/infra",
    "tests/kiosk/screen/page/test_measures.py",
    "tests/kiosk/screen/page/test_walks.py",
    "tests/kiosk/screen/page/test_soak.py",
    "tests/kiosk/voice/engine/test_engine.py",
    "tests/retrain/fit/test_processes.py",
    "tests/retrain/heads/test_tuning.py",
    "tests/retrain/judge/test_judgement.py",
    "tests/retrain/run/test_training_run.py",
    "tests/retrain/trainer",
    "tests/security",
    "tests/shell",
)


def file_of(nodeid: str) -> str:
    return nodeid.split("::", 1)[0]


def lies_in(file: str, place: str) -> bool:
    """Whether the file is that one, or in that folder."""
    return file == place or file.startswith(f"{place}/")


def rank(file: str) -> int:
    """The place in LONGEST_FIRST."""
    return next((number for number, place in enumerate(LONGEST_FIRST) if lies_in(file, place)), len(LONGEST_FIRST))


def arrange(items: list[pytest.Item]) -> None:
    """Longest files first, the tests of a file as they stand there; marks those that are slow."""
    items.sort(key=lambda item: rank(file_of(item.nodeid)))  # a stable sort
    for item in items:
        if any(lies_in(file_of(item.nodeid), place) for place in SLOW):
            item.add_marker("slow")


class FilesToProcesses(LoadFileScheduling):
    """A file goes to one process as a whole, and the files on the shared cloud go to the same one."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "the shared cloud" if file in ON_THE_SHARED_CLOUD else file
