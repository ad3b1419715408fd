"""Unit tests stay quick: together they take less CPU time than `LIMIT_S`, on a busy machine too.

What asks the API over HTTP, lives random lives, renders frames or runs networks belongs in
``tests/component``, what needs servers in ``tests/integration``.
"""

import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import hypothesis
import pytest

#: Seconds of CPU, of all processes: half as much again as they take, side by side on a machine of two cores.
LIMIT_S: Final = 27.0
_HERE: Final = Path(__file__).parent
_TOO_SLOW: Final = pytest.StashKey[bool]()
_TAKEN: Final = "unit_tests_taken"
_taken: dict[str, float] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Asked about the tests of other folders too, which are not held to it."""
    began = time.process_time()
    try:
        return (yield)
    finally:
        if item.path.is_relative_to(_HERE):
            _taken[item.nodeid] = time.process_time() - began


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What one of several processes took."""
    _taken.update(getattr(node, "workeroutput", {}).get(_TAKEN, {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Failed runs are not held to it: to shrink a counter-example takes long. Nor are the many examples of
    ``make test``, nor runs whose lines are counted (``make core``)."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_TAKEN] = _taken
        return
    quick = hypothesis.settings.get_current_profile_name() == "quick" and sys.gettrace() is None
    if quick and session.exitstatus == pytest.ExitCode.OK and sum(_taken.values()) > LIMIT_S:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        session.config.stash[_TOO_SLOW] = True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.stash.get(_TOO_SLOW, False):
        return
    terminalreporter.section("unit tests are too slow", red=True)
    terminalreporter.line(f"{sum(_taken.values()):.0f} s of CPU, of {LIMIT_S:.0f} s allowed; the slowest:")
    for name in sorted(_taken, key=lambda name: -_taken[name])[:10]:
        terminalreporter.line(f"{_taken[name]:6.1f} s {name}")
