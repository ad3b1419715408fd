"""Unit tests stay quick: together they take this process less CPU time than `LIMIT_S`, on a busy machine too.

What renders many frames, runs real models or starts whole processes belongs in ``tests/integration``.
"""

import time
from collections.abc import Generator
from typing import Final

import hypothesis
import pytest

#: Seconds of CPU: more than twice what they take, so that a slow machine does not fail them.
LIMIT_S: Final = 40.0
_taken: dict[str, float] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    began = time.process_time()
    try:
        return (yield)
    finally:
        _taken[item.nodeid] = time.process_time() - began


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _too_slow() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _too_slow():
        return
    terminalreporter.section("unit tests are too slow", red=True)
    terminalreporter.line(f"{sum(_taken.values()):.0f} s of CPU, of {LIMIT_S:.0f} s allowed; the slowest:")
    for name in sorted(_taken, key=lambda name: -_taken[name])[:10]:
        terminalreporter.line(f"{_taken[name]:6.1f} s {name}")


def _too_slow() -> bool:
    """The many examples of ``make test`` are not held to it."""
    quick = hypothesis.settings.get_current_profile_name() == "quick"
    return quick and sum(_taken.values()) > LIMIT_S
