"""The verifier of alerts is clean on what the alert agent wrote, and names what somebody did to it."""

from collections.abc import Sequence

import msgspec
import pytest

from deploy.verify.alerts import AlertsCheck, first_rules
from deploy.verify.findings import Check, Findings
from deploy.verify.inputs import Inputs
from deploy.verify.records import Record
from reid.alerting import step as steps
from reid.contracts.alert_rules import FORM
from reid.contracts.alerts import AlertClosed, AlertOpened, AlertRulesAdopted
from reid.contracts.cloudevents import Causation, envelope_from, headers_of
from reid.contracts.codec import decode_alert, encode
from reid.contracts.topics import ALERTS, COMMANDS, EVENTS
from tests.unit.alerting.story import tick
from tests.unit.streams.alert_site import OTHER, PARTITION, PARTITIONS, RULES, Site, fresh, inputs, live


def alert_log(site: Site) -> list[Record]:
    return [Record(ALERTS.name, PARTITION, n, 0, *record) for n, record in enumerate(site.held.events)]


def checked(
    site: Site, log: Sequence[Record] | None = None, upto: dict[str, int] | None = None
) -> AlertsCheck:
    findings = Findings()
    log = alert_log(site) if log is None else log
    events, commands = (
        Inputs(iter([Record(*record) for record in site.held.inputs[topic]]), 0)
        for topic in (EVENTS.name, COMMANDS.name)
    )
    ends = upto or dict(site.held.ends)
    check = AlertsCheck(
        PARTITION, PARTITIONS, events, commands, ends, first_rules(log), findings, max_skew_ms=10**12
    )
    check.run(log)
    return check


def verified(site: Site, log: Sequence[Record] | None = None, upto: dict[str, int] | None = None) -> Findings:
    return checked(site, log, upto).findings


@pytest.fixture(scope="module")
def site() -> Site:
    """Crashes, restarts, other rules half way, ticks without effect."""
    made = fresh()
    made.put(*inputs()[:600])
    live(made, 1, 6, 100)
    made.put(*inputs()[600:])
    live(made, 2, 6, 100, OTHER)
    return made


def test_clean_on_what_the_agent_wrote(site: Site) -> None:
    findings = verified(site)
    assert findings.kept == {check: [] for check in Check}
    assert findings.examined[Check.ALERTS] > len(site.arrived)


def test_what_was_there_before_the_first_start_was_learned() -> None:
    site = Site()
    site.put(*inputs()[:300])
    live(site, 3, 0, 1_000_000)
    assert site.alerts() == []
    site.put(*inputs()[300:])
    live(site, 4, 4, 100)
    assert len(site.alerts()) > 20 and verified(site).clean


def test_any_alert_that_is_lost_is_missed(site: Site) -> None:
    log = alert_log(site)
    for place in (*range(0, len(log), len(log) // 8), len(log) - 1):
        assert verified(site, log[:place] + log[place + 1 :]).differences[Check.ALERTS], f"alert {place}"


def test_a_foreign_altered_or_repeated_alert_is_told(site: Site) -> None:
    log = alert_log(site)
    place = next(n for n, r in enumerate(log) if isinstance(decode_alert(r.value or b""), AlertOpened))
    opened = decode_alert(log[place].value or b"")
    assert isinstance(opened, AlertOpened)
    altered = log[place]._replace(value=encode(msgspec.structs.replace(opened, severity="critical")))
    assert not verified(site, [*log[:place], altered, *log[place + 1 :]]).clean
    assert not verified(site, [*log[: place + 1], *log[place:]]).clean
    assert not verified(site, [*log[:place], log[place]._replace(key=b"annex"), *log[place + 1 :]]).clean
    envelope = envelope_from(log[-1].headers)
    cause = Causation(EVENTS.name, PARTITION, site.held.ends[EVENTS.name] - 2)
    foreign = Record(
        ALERTS.name, PARTITION, len(log), 0, log[-1].key, altered.value, headers_of(opened, cause, 0)
    )
    assert envelope.causation != cause
    assert not verified(site, [*log, foreign]).clean


def test_other_rules_than_the_log_says_are_told(site: Site) -> None:
    log = alert_log(site)
    for place, record in enumerate(log):
        adopted = decode_alert(record.value or b"")
        if isinstance(adopted, AlertRulesAdopted) and adopted.rules != OTHER:
            log[place] = record._replace(value=encode(msgspec.structs.replace(adopted, rules=OTHER)))
    assert not verified(site, log).clean


def test_what_an_earlier_form_of_the_rules_told_is_believed_and_the_rest_decided_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After an upgrade that closes alerts otherwise all that was told before was told to be wrong."""

    def lived(form: int) -> Site:
        with monkeypatch.context() as before:
            before.setattr(steps, "over", lambda *_: [])
            old = fresh()
            old.put(*inputs()[:600])
            live(old, 6, 4, 100, msgspec.structs.replace(RULES, form=form))
        old.put(*inputs()[600:])
        live(old, 7, 4, 100)
        return old

    assert not verified(lived(FORM)).clean, "that form tells otherwise"
    both = lived(FORM - 1)
    check = checked(both)
    assert check.findings.kept == {each: [] for each in Check}
    log = alert_log(both)
    now = next(n for n, record in enumerate(log) if b'"form":%d' % FORM in (record.value or b""))
    causes = {envelope_from(record.headers).causation for record in log[:now]}
    assert 10 < check.earlier == len(causes - {envelope_from(log[now].headers).causation})
    assert check.alerts == len(log) > now + 20
    for lost in range(now + 1, len(log), 10):
        assert not verified(both, log[:lost] + log[lost + 1 :]).clean, "what came after is looked at"
    torn = log[2]._replace(value=b"{")
    assert "can't be read" in verified(both, [*log[:2], torn, *log[3:]]).kept[Check.ALERTS][0]


def test_a_tick_that_closes_an_alert_can_not_be_without_it() -> None:
    site = fresh()
    site.put(*inputs(), tick(5_000))
    live(site, 5, 0, 1_000_000)
    log = alert_log(site)
    assert isinstance(decode_alert(log[-1].value or b""), AlertClosed) and verified(site).clean
    last = envelope_from(log[-1].headers).causation
    assert last.topic == COMMANDS.name
    cut = [record for record in log if envelope_from(record.headers).causation != last]
    findings = verified(site, cut)
    assert "a Tick, causes alerts" in findings.kept[Check.ALERTS][0]
    # What was not decided yet when the verification began is nobody's difference.
    assert verified(site, cut, site.held.ends | {COMMANDS.name: last.offset}).clean
