"""The alert agent's writer, input by input: what it learns, refuses, leaves out, and when it ticks."""

import msgspec
import pytest

from reid.alerting.state import dump, load
from reid.alerting.step import step
from reid.contracts.alerts import AlertAcknowledged, AlertClosed, AlertOpened, AlertRulesAdopted
from reid.contracts.cloudevents import envelope_from, event_id
from reid.contracts.codec import decode_alert, encode, type_name
from reid.contracts.topics import COMMANDS, EVENTS
from reid.errors import ConfigError, FencedOut
from streams.alerting.ticks import LIVE_MS, Ticks
from streams.partition import DirtyState
from tests.unit.alerting.story import SITE, acknowledge, at, registered, seen, stays, tick
from tests.unit.streams.alert_site import Site, fresh, inputs


def test_ids_are_of_the_input_that_caused_them() -> None:
    site = fresh()
    (record,) = site.put(seen("a", 0, "room3"))
    writer = site.writer()
    writer.recover()
    writer.take([record])
    cause = envelope_from(site.held.events[0].headers).causation
    assert (cause.topic, cause.offset) == (EVENTS.name, record.offset)
    for ordinal, told in enumerate(site.held.events):
        assert envelope_from(told.headers).id == event_id(cause, type_name(decode_alert(told.value)), ordinal)


def test_the_first_start_learns_from_the_past_and_tells_nothing_of_it() -> None:
    site = Site()
    site.put(*stays("a", 0, 60, "room3"))
    writer = site.writer()
    writer.recover()
    assert site.alerts() == [] and site.held.decided[EVENTS.name] == site.held.ends[EVENTS.name]
    assert writer.state.site(SITE).people["a"].camera_id == "room3"
    writer.take(site.put(seen("a", 61, "room3")))
    assert site.kinds() == [AlertRulesAdopted, AlertOpened]
    again = site.writer()
    again.recover()
    assert again.state == writer.state


def test_a_command_of_another_partition_and_a_clock_that_is_off_are_not_heard() -> None:
    site = fresh()
    writer = site.writer()
    writer.recover()
    writer.take(site.put(seen("a", 0, "room3")))
    alert_id = next(a.alert_id for a in map(decode_alert, site.alerts()) if isinstance(a, AlertOpened))
    before = site.alerts()
    misrouted = acknowledge(alert_id, 1)
    writer.take([site.held.put(encode(misrouted), COMMANDS.name, key=b"elsewhere", timestamp=at(1))])
    writer.take([site.held.put(encode(tick(86_400)), COMMANDS.name, timestamp=at(1))])
    writer.take([site.held.put(b"{", COMMANDS.name, timestamp=at(1))])
    assert site.alerts() == before
    writer.take(site.put(acknowledge(alert_id, 1)))
    assert site.kinds()[-1] is AlertAcknowledged


def test_an_event_that_nobody_can_read_is_left_out() -> None:
    site = fresh()
    writer = site.writer()
    writer.recover()
    broken = site.held.put(b'{"type": "reid.person.flown.v1"}', EVENTS.name)
    writer.take([broken, *site.put(seen("a", 0, "room3"))])
    assert AlertOpened in site.kinds()
    again = site.writer()
    again.recover()
    assert again.state == writer.state


def test_what_a_zone_sees_is_its_sites_to_tell() -> None:
    site = Site()
    zone = f"{SITE}/west"
    here = [
        msgspec.structs.replace(event, site_id=zone) for event in (registered("a", 0), *stays("a", 0, 60))
    ]
    writer = site.writer()
    writer.recover()
    writer.take(site.put(*here))
    assert site.alerts() == []
    writer.take(site.put(registered("a", 0), *stays("a", 0, 60)))
    assert AlertOpened in site.kinds()


def test_an_event_on_which_the_rules_fail_is_left_out_after_two_attempts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import streams.alerting.writer as module

    def trip(site: object, message: object, *rest: object) -> object:
        if getattr(message, "person_id", "") == "poison":
            raise IndexError("tripped")
        return step(site, message, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "step", trip)
    site = fresh()
    writer = site.writer()
    records = site.put(seen("a", 0, "room3"), seen("poison", 1, "room3"), seen("b", 2, "room3"))
    for _ in range(2):
        writer.recover()
        with pytest.raises(DirtyState, match="tripped"):
            writer.take(records)
    writer.recover()
    writer.take(records)
    told = [a.person_id for a in map(decode_alert, site.alerts()) if isinstance(a, AlertOpened)]
    assert told == ["a", "b"]


def test_a_newer_writer_fences_the_older() -> None:
    site = fresh()
    older, newer = site.writer(), site.writer()
    older.recover()
    newer.recover()
    with pytest.raises(FencedOut):
        older.take(site.put(seen("a", 0, "room3")))


def test_topics_made_anew_are_refused() -> None:
    site = fresh()
    writer = site.writer()
    writer.recover()
    writer.take(site.put(seen("a", 0, "room3")))
    site.held.events.clear()
    with pytest.raises(ConfigError, match=r"reid.alerts.v1/.* was made anew"):
        site.writer().recover()


class Sent:
    """A producer that keeps what it is given."""

    def __init__(self) -> None:
        self.values: list[tuple[str, bytes, bytes]] = []

    def produce(self, topic: str, value: bytes, key: bytes) -> None:
        self.values.append((topic, value, key))

    def poll(self, timeout: float) -> int:
        return 0


def test_ticks_are_sent_once_when_something_is_due_on_a_live_site() -> None:
    site = fresh()
    writer = site.writer()
    writer.recover()
    assert writer.due() == {}
    writer.take(site.put(seen("a", 0, "room3")))
    assert writer.due() == {SITE: at(10) + 1}
    now = at(9)
    ticks = Ticks(Sent(), lambda: now)  # type: ignore[arg-type]
    assert ticks.send(writer.due(), writer.skew) == []
    now = at(11)
    assert ticks.send(writer.due(), {SITE: LIVE_MS + 1}) == []
    (sent,) = ticks.send(writer.due(), writer.skew)
    assert ticks.send(writer.due(), writer.skew) == []
    writer.take(site.put(sent))
    assert site.kinds()[-1] is AlertClosed
    assert writer.due() == {}


def test_a_state_is_written_down_whole() -> None:
    site = fresh()
    site.put(*inputs())
    writer = site.writer()
    writer.recover()
    writer.take(site.arrived)
    assert load(dump(writer.state)) == writer.state
