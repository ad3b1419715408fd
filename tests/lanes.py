"""Which process runs which tests where several share them (pytest-xdist's ``-n``, as in `make test`).

The last process computes: units, components, simulations. It gives way to the others, which have the tests
that start servers, a module at a time, each with a Kafka and a Redis of its own for the session; when they
have no more, they help it. What measures how long something takes comes last and alone: no other test runs
meanwhile.
Without ``-n`` all is as ever: one process, one test after the other.
"""

import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

try:
    import fcntl
except ImportError:  # Windows: nothing is shared there
    fcntl = None  # type: ignore[assignment]

COMPUTING: Final = ("tests/unit/", "tests/component/", "tests/simulation/")
#: Their names begin so. They hold the system to some seconds, or to a part of one.
ALONE: Final = (
    "tests/integration/test_journeys.py::test_somebody_walks_and_the_journey_is_there_within_a_second",
    "tests/integration/test_past.py",
    "tests/integration/test_projections_follower.py::test_an_event_is_visible_within_milliseconds",
    "tests/integration/test_producers_run.py::test_a_signal_ends_the_process_within_five_seconds",
    "tests/integration/test_scale_out.py",
    "tests/integration/test_streams_recovery.py::test_sigterm_ends_it",
    "tests/integration/test_streams_worker.py",
    "tests/integration/test_supervisor.py",
    "tests/integration/test_timeline.py::test_a_reader_whose_queue_was_full_waits_no_second_for_more",
)
_ALONE: Final = "what runs alone"
#: Of `os.nice`: what computes gets what the others leave.
_NICE: Final = 19
_ROOM: Final = "room"
_FOLDER: Final = pytest.StashKey["tempfile.TemporaryDirectory[str]"]()


class Lanes(LoadScopeScheduling):
    """Gives each process what it is there for. A unit of work is a module, or all that runs alone."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return _ALONE if nodeid.startswith(ALONE) else nodeid.partition("::")[0]

    def _reschedule(self, node: WorkerController) -> None:
        if self.workqueue and not node.shutting_down and self._next(node) is None:
            node.shutdown()
        else:
            super()._reschedule(node)

    def _assign_work_unit(self, node: WorkerController) -> None:
        unit = self._next(node)
        if unit is None:
            node.shutdown()
            return
        self.workqueue.move_to_end(unit, last=False)
        super()._assign_work_unit(node)

    def _next(self, node: WorkerController) -> str | None:
        """The next unit of work for this process; None: nothing more."""
        computing = [unit for unit in self.workqueue if unit.startswith(COMPUTING)]
        if computes(node.gateway.id, self.numnodes):
            return next(iter(computing), None)
        serving = [unit for unit in self.workqueue if unit != _ALONE and unit not in computing]
        return next(iter([*serving, *computing, *self.workqueue]), None)


def computes(worker_id: str, count: int) -> bool:
    """Whether it computes: the last of several. Not one that takes the place of a dead one."""
    return count > 1 and worker_id == f"gw{count - 1}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    return Lanes(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """A file that all processes lock while they run a test: those that run alone for themselves."""
    config = node.config
    if _FOLDER not in config.stash:
        config.stash[_FOLDER] = folder = tempfile.TemporaryDirectory(prefix="saferoom-tests-")
        config.add_cleanup(folder.cleanup)
    node.workerinput[_ROOM] = str(Path(config.stash[_FOLDER].name) / _ROOM)


def pytest_collection_finish(session: pytest.Session) -> None:
    given = getattr(session.config, "workerinput", None)
    if given is not None and computes(given["workerid"], given["workercount"]) and hasattr(os, "nice"):
        os.nice(_NICE)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    given = getattr(item.config, "workerinput", None)
    if given is None or fcntl is None:
        return (yield)
    with room(Path(given[_ROOM]), item.nodeid.startswith(ALONE)):
        return (yield)


@contextmanager
def room(path: Path, alone: bool) -> Iterator[None]:
    with path.open("a") as room:
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)  # a process forked meanwhile has the file open still
