"""The suite in several processes at once (pytest-xdist): how many, in which order, and who must have the machine alone.

`./iot test` asks for it (app/cli_test.py). A whole file goes to one worker, so that what its fixtures share is made
once. One file asked for by name, a debugger or ``-s`` stays in pytest's own process; so does everything with ``-n0``.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parents[1]
MOST_WORKERS = 4
# Where long tests live comes first, so that no worker is left with one at the end.
FOLDERS = ("e2e", "pagina", "migrations", "hostile", "contract", "integration", "docs", "unit")
_folder = pytest.StashKey[str]()


# --- who does what ----------------------------------------------------------------------------------------------------
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One worker more than processors: tests wait more than they compute. None: the environment says how many."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    files = {arg.partition("::")[0] for arg in config.args}
    one_file = len(files) == 1 and all(file.endswith(".py") for file in files)
    if one_file or config.option.trace or config.option.capture == "no":
        return 0
    return min(MOST_WORKERS, len(os.sched_getaffinity(0)) + 1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, then folder by folder; inside a file nothing moves."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    places = {folder: place for place, folder in enumerate(FOLDERS)}

    def place(item: pytest.Item) -> tuple[bool, int]:
        return item.path not in slow, places[item.path.relative_to(TESTS).parts[0]]

    items.sort(key=place)


# --- alone ------------------------------------------------------------------------------------------------------------
class Turns:
    """Readers and a writer among processes: ordinary tests side by side, a test marked ``solo`` with nobody.

    Who wants the room alone keeps the door shut while it empties, so that others cannot keep it waiting for ever.
    """

    def __init__(self, folder: Path) -> None:
        self._door, self._room = folder / "door", folder / "room"

    @contextmanager
    def turn(self, *, alone: bool) -> Iterator[None]:
        with self._room.open("ab") as room:
            with self._door.open("ab") as door:
                fcntl.flock(door, fcntl.LOCK_EX)
                fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            try:
                yield
            finally:
                fcntl.flock(room, fcntl.LOCK_UN)  # closing would not do while a forked child has the file open too


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In the process that directs: all workers share one folder of locks."""
    config = node.config
    if _folder not in config.stash:
        folder = tempfile.TemporaryDirectory(prefix="iot-turnos-")
        config.add_cleanup(folder.cleanup)
        config.stash[_folder] = folder.name
    node.workerinput["turns"] = config.stash[_folder]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Outside of pytest-timeout: to wait for one's turn is not to be slow."""
    given = getattr(item.config, "workerinput", {}).get("turns")
    if given is None:
        return (yield)
    with Turns(Path(given)).turn(alone=item.get_closest_marker("solo") is not None):
        return (yield)
