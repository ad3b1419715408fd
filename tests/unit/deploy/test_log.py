"""The log as the commands read it, while it grows."""

import unicodedata
from typing import Any

import msgspec
import pytest

from deploy import log
from deploy.log_commands import Tail, _kept, _write_line, _write_search, tail_events
from reid.contracts.audit import SearchMade
from reid.contracts.topics import CAMERAS, DETECTIONS, EVENTS, PICTURES
from tests.unit.projections.growing import GrowingLog


@pytest.fixture
def growing(monkeypatch: pytest.MonkeyPatch) -> GrowingLog:
    made = GrowingLog([5, 3, 0])
    monkeypatch.setattr(log, "log_reader", lambda *_, **__: made)
    return made


def test_what_is_kept_for_a_minute_was_said_to_be_kept_for_0_days() -> None:
    assert [_kept(topic) for topic in (DETECTIONS, EVENTS, CAMERAS, PICTURES)] == [
        "7 days",
        "for ever",
        "newest of each key",
        "a minute",
    ]


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


def test_a_control_character_in_a_callers_name_was_a_command_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """C1 has one-character commands, too; what joins letters is none."""
    search = SearchMade(
        site_id="global",
        at=1_762_344_658_197,
        search_id="s",
        by="desk\x9b2J\x1b[2J\n",
        role="operator",
        purpose="نمی\u200cخواهم",
        kind="attributes",
        limit=3,
        attributes="upper:\x85red",
        results=(),
        searched=0,
    )
    _write_search(Record(msgspec.json.encode(search)))  # type: ignore[arg-type]
    shown = capsys.readouterr().out
    assert r"desk\x9b2J\x1b[2J\x0a (operator)" in shown and r"upper:\x85red" in shown
    assert not any(unicodedata.category(each) == "Cc" for each in shown.removesuffix("\n"))
    event = {"label": "a\x9bb", "reason": "\u0635\u200c"}
    _write_line(Record(msgspec.json.encode(event)))  # type: ignore[arg-type]
    assert capsys.readouterr().out.endswith("a\\x9bb \u0635\u200c\n")


class Record:
    def __init__(self, value: bytes) -> None:
        self.value = lambda: value
        self.headers = list
        self.partition = lambda: 0
        self.offset = lambda: 7
        self.timestamp = lambda: (1, 1_762_344_658_197)
