"""One line when something happened, none when nothing did."""

import logging
import threading

import pytest

from streams.telemetry import Counts, Telemetry


def test_the_line_tells_what_happened_since_the_last_one():
    telemetry = Telemetry()
    assert telemetry.line() is None
    telemetry.add(Counts(inputs=3, events=2, decide_s=0.25))
    telemetry.add(Counts(inputs=1))
    line = telemetry.line()
    assert line is not None
    assert "inputs=4 events=2 decide_s=0.25" in line
    assert telemetry.line() is None
    assert telemetry.total().inputs == 4


def test_the_last_line_is_logged_at_the_end(caplog: pytest.LogCaptureFixture):
    telemetry, stopping = Telemetry(), threading.Event()
    telemetry.add(Counts(dead_letters=1))
    stopping.set()
    with caplog.at_level(logging.INFO):
        telemetry.run(stopping)
    assert "dead_letters=1" in caplog.text
