"""The alert agent's writer: each alert once, whatever fails, and the same state from both logs."""

import random
from dataclasses import dataclass, field

import msgspec
import pytest

from reid.alerting.state import dump, load
from reid.alerting.step import Source, step
from reid.contracts.alert_rules import AlertRule, AlertRules, Zone
from reid.contracts.alerts import AlertAcknowledged, AlertClosed, AlertOpened, AlertRulesAdopted
from reid.contracts.cloudevents import envelope_from, event_id
from reid.contracts.codec import decode_alert, encode, type_name
from reid.contracts.commands import Command
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import COMMANDS, EVENTS
from reid.errors import ConfigError, FencedOut, Unavailable
from streams.alerting.ticks import LIVE_MS, Ticks
from streams.alerting.writer import AlertWriter
from streams.partition import DirtyState
from streams.ports import Input
from tests.unit.alerting.story import SITE, acknowledge, at, registered, seen, stays, tick
from tests.unit.projections.story import merged
from tests.unit.streams.memory import MemoryLog, MemoryPartition

PARTITIONS = 4
PARTITION = partition_of(SITE.encode(), PARTITIONS)
SERVER = Zone("server", ("room3",))
RULES = AlertRules(
    zones=(SERVER,),
    rules=(
        AlertRule(name="server", kind="restricted", zone="server", rearm=10_000, update=5_000),
        AlertRule(name="loitering", kind="loitering", longer_than=20_000, rearm=10_000),
        AlertRule(name="journey", kind="impossible_journey", travel=(("room1", "room2", 4_000),)),
    ),
)
OTHER = AlertRules(rules=(AlertRule(name="loitering", kind="loitering", longer_than=40_000),))


def inputs() -> list[object]:
    """A quarter of an hour of four people, with what people ask in between."""
    rng, told = random.Random(7), list[object]()
    for person in "abcd":
        told.append(registered(person, 0))
    for second in range(0, 900, 2):
        for person in "abcd":
            camera = f"room{1 + (second // 60 + ord(person)) % 3}"
            if rng.random() < 0.6:
                told.append(seen(person, second, camera, bound=rng.random() < 0.2))
        if second % 50 == 0:
            told.append(tick(second))
    told.insert(700, merged("a", "b", "Ada", at=at(400)))
    told.insert(300, acknowledge("nobody", 200, "c-9"))
    return told


@dataclass
class Site:
    """Both topics of a partition, and what came of them."""

    held: MemoryPartition = field(
        default_factory=lambda: MemoryPartition(
            {EVENTS.name: [], COMMANDS.name: []},
            {EVENTS.name: 0, COMMANDS.name: 0},
            {EVENTS.name: 0, COMMANDS.name: 0},
        )
    )
    arrived: list[Input] = field(default_factory=list)

    def put(self, *messages: object) -> list[Input]:
        made = []
        for message in messages:
            at_ms = message.issued_at if isinstance(message, Command) else message.at  # type: ignore[attr-defined]
            topic = COMMANDS.name if isinstance(message, Command) else EVENTS.name
            headers = [("ce_id", f"{topic}-{self.held.ends[topic]}".encode())]
            made.append(self.held.put(encode(message), topic, headers=headers, timestamp=at_ms))  # type: ignore[arg-type]
            if topic == EVENTS.name and self.held.ends[topic] % 7 == 0:
                self.held.mark(topic)  # a transaction ends
        self.arrived += made
        return made

    def writer(self, rules: AlertRules = RULES, snapshots: int = 1_000_000) -> AlertWriter:
        return AlertWriter(MemoryLog(self.held), rules, PARTITION, PARTITIONS, snapshot_inputs=snapshots)

    def alerts(self) -> list[bytes]:
        return [record.value for record in self.held.events]

    def kinds(self) -> list[type]:
        return [type(decode_alert(value)) for value in self.alerts()]


def live(site: Site, seed: int, crashes: int, snapshots: int, rules: AlertRules = RULES) -> None:
    """Takes what arrived in batches of any size; commits fail here and there, and writers are replaced."""
    rng = random.Random(seed)
    site.held.crashes = {rng.randrange(2, 400): rng.choice(["lost", "unheard"]) for _ in range(crashes)}
    writer, at_ = site.writer(rules, snapshots), 0
    recovered = False
    while at_ < len(site.arrived) or not recovered:
        try:
            if not recovered:
                writer.recover()
                # As the agent: reading begins where the writer stands; what it knows is skipped.
                recovered, at_ = True, 0
            batch = site.arrived[at_ : at_ + rng.randrange(1, 40)]
            writer.take(batch)
            at_ += len(batch)
            if rng.random() < 0.02:
                writer.close()
                writer, recovered = site.writer(rules, snapshots), False
        except Unavailable:
            recovered = False
    site.held.crashes = {}
    writer.finish()


@pytest.fixture(scope="module")
def expected() -> list[bytes]:
    """The alerts of a life without any failure."""
    site = fresh()
    site.put(*inputs())
    writer = site.writer()
    writer.recover()
    writer.take(site.arrived)
    assert {AlertOpened, AlertClosed, AlertRulesAdopted} <= set(site.kinds()) and len(site.alerts()) > 30
    return site.alerts()


def fresh() -> Site:
    """A site whose alert agent has begun already: what comes now is new."""
    site = Site()
    site.held.decided = {EVENTS.name: 0, COMMANDS.name: 0}
    return site


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("snapshots", [50, 1_000_000])
def test_each_alert_once_whatever_fails(expected: list[bytes], seed: int, snapshots: int) -> None:
    site = fresh()
    site.put(*inputs())
    live(site, seed, crashes=12, snapshots=snapshots)
    assert site.alerts() == expected
    ids = [envelope_from(record.headers).id for record in site.held.events]
    assert len(set(ids)) == len(ids)
    assert bool(site.held.snapshots) == (snapshots == 50)


@pytest.mark.parametrize("snapshots", [50, 1_000_000])
def test_a_restart_knows_what_was_known(snapshots: int) -> None:
    site = fresh()
    writer = site.writer(snapshots=snapshots)
    site.put(*inputs())
    writer.recover()
    for first in range(0, len(site.arrived), 30):
        writer.take(site.arrived[first : first + 30])
    again = site.writer()
    again.recover()
    assert again.positions == writer.positions
    assert again.state == writer.state
    assert list(again.state.site(SITE).alerts) == list(writer.state.site(SITE).alerts)


def test_other_rules_change_nothing_that_was_told() -> None:
    site = fresh()
    site.put(*inputs()[:600])
    live(site, 1, 0, 100)
    before = site.alerts()
    site.put(*inputs()[600:])
    live(site, 2, 6, 100, OTHER)
    assert site.alerts()[: len(before)] == before
    adopted = [decode_alert(raw) for raw in site.alerts()]
    assert [a.rules for a in adopted if isinstance(a, AlertRulesAdopted)] == [RULES, OTHER]
    once = fresh()
    once.put(*inputs()[:600])
    live(once, 3, 0, 1_000_000)
    once.put(*inputs()[600:])
    live(once, 4, 0, 1_000_000, OTHER)
    assert once.alerts() == site.alerts()


def test_the_log_decides_again_to_the_same_bytes() -> None:
    """From zero, by the rules and in the order that the alert log itself tells."""
    site = fresh()
    site.put(*inputs())
    live(site, 5, 8, 50)
    events = list(site.held.inputs[EVENTS.name])
    commands = {record.offset: record for record in site.held.inputs[COMMANDS.name]}
    writer = fresh().writer()
    state = writer.state.site(SITE)
    made, following = list[bytes](), 0

    def decide(record: Input) -> None:
        message = writer._read(record)
        assert message is not None
        place = f"{record.topic}/{record.partition}/{record.offset}"
        ids = dict(record.headers)["ce_id"].decode()
        made.extend(encode(alert) for alert in step(state, message, Source(place, ids), RULES))

    for record in site.held.events:
        cause, told = envelope_from(record.headers).causation, envelope_from(record.headers).decided
        if cause.topic == COMMANDS.name:
            while following < len(events) and events[following].offset < told[EVENTS.name]:
                decide(events[following])
                following += 1
            if cause.offset in commands:
                decide(commands.pop(cause.offset))
    for event in events[following:]:
        decide(event)
    assert made == site.alerts()


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
