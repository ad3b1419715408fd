"""The log as the commands read it, while it grows."""

from typing import Any

import pytest

from deploy import log
from deploy.log_commands import Tail, tail_events
from tests.unit.projections.growing import GrowingLog


@pytest.fixture
def growing(monkeypatch: pytest.MonkeyPatch) -> GrowingLog:
    made = GrowingLog([5, 3, 0])
    monkeypatch.setattr(log, "log_reader", lambda *_, **__: made)
    return made


def test_a_log_that_grows_while_it_is_read_ends_where_it_ended_at_first(growing: GrowingLog) -> None:
    found = [(m.partition(), m.offset()) for m in log.read("", "t", {0: 1, 1: 0, 2: 0})]
    assert found == [(0, 1), (0, 2), (0, 3), (0, 4), (1, 0), (1, 1), (1, 2)]
    assert growing.assigned == [0, 1]


@pytest.mark.parametrize("from_beginning", [True, False])
def test_the_tail_of_a_log_that_grows_is_told(
    growing: GrowingLog, from_beginning: bool, make_settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = make_settings(kafka_bootstrap_servers="localhost:1")
    tail_events(settings, Tail(from_beginning=from_beginning, limit=3, as_json=True))
    assert len(capsys.readouterr().out.splitlines()) == 3
