"""Whole lives of an alert agent: each alert once, whatever fails, and the same state from both logs."""

import pytest

from reid.alerting.step import Source, step
from reid.contracts.alerts import AlertClosed, AlertOpened, AlertRulesAdopted
from reid.contracts.cloudevents import envelope_from
from reid.contracts.codec import decode_alert, encode
from reid.contracts.topics import COMMANDS, EVENTS
from streams.ports import Input
from tests.unit.alerting.story import SITE
from tests.unit.streams.alert_site import OTHER, RULES, fresh, inputs, live


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
