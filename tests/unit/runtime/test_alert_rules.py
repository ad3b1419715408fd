"""The file of alert rules: what it can say, and how it is told what is wrong."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from deploy.cast import unusual_rules
from deploy.demo import DEMO_RULES
from reid.alerting.calendar import is_open, last_closing, local, next_closing, utc
from reid.contracts.alert_rules import FORM, AlertRules, Hours
from reid.errors import ConfigError
from reid.runtime.alerts.file import load, loads
from reid.runtime.alerts.receivers import Mqtt, Webhook
from reid.runtime.doctor import check_alerts
from tests.unit.depth import some

ROOT = Path(__file__).parents[3]
HOURS = 'hours: {mon-fri: "07:00-19:00"}\n'


def example() -> str:
    """The YAML of docs/alerts.md."""
    text = (ROOT / "docs" / "alerts.md").read_text()
    return text.partition("```yaml\n")[2].partition("```")[0]


def test_the_example_of_the_documentation_holds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORTER_HOOK_SECRET", "whsec_c2VjcmV0")
    monkeypatch.setenv("MQTT_PASSWORD", "secret")
    rules, receivers = loads(example())
    assert {rule.kind for rule in rules.rules} == {
        "watched", "restricted", "out_of_hours", "loitering", "impossible_journey", "unusual_count",
        "not_left",
    }  # fmt: skip
    hook, broker = receivers
    assert isinstance(hook, Webhook) and hook.secret == b"whsec_c2VjcmV0"
    assert isinstance(broker, Mqtt) and broker.password == "secret"
    assert "secret" not in repr(receivers), "a secret must not get into a log"
    assert load(DEMO_RULES).rules.rules


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("rules: [", "line 1: no YAML"),
        ("rules: {name: x}", "line 1, rules: a mapping is no list: begin each entry with a dash"),
        ("rulez: []", "line 1, rulez: there is no 'rulez' here: choose of timezone, hours"),
        ("timezone: UTC", "no rules: add `rules:`"),
        ("rules:\n- kind: watched", "line 2, rules[1]: a rule without name"),
        ("rules:\n- name: a\n  kind: loitring", "line 3, rules[1].kind: 'loitring' is not known: choose of"),
        ("rules:\n- {name: a, kind: loitering}", "rule 'a' of kind loitering lacks longer_than"),
        ("rules:\n- {name: a, kind: loitering, longer_than: 5}", "'5' is no duration: write one such as"),
        ("rules:\n- {name: a, kind: loitering, exits: x}", "a rule of kind loitering has no 'exits'"),
        ("rules:\n- {name: a, kind: restricted, zone: z}", "no zone 'z': choose of none is defined"),
        ("rules:\n- {name: a, kind: out_of_hours}", "this rule needs opening hours: add `hours:`"),
        ("rules:\n- {name: a, kind: not_left}", "this rule needs opening hours"),
        # No camera is called so, and the rule would never tell.
        ("zones: {z: [front door]}\nrules: []", "line 1, zones.z[1]: camera 'front door': 1 to 128"),
        ("zones: {z: {cameras: a:b}}\nrules: []", "zones.z.cameras: camera 'a:b': 1 to 128 characters"),
        ("zones: {z: {polygons: {a b: [[1, 2]]}}}\nrules: []", "camera 'a b': 1 to 128"),
        ("hours: {mon: '7:00-8:00'}\nrules:\n- {name: a, kind: not_left, exits: a/b}", "such as a-b"),
        ("rules:\n- {name: a, kind: impossible_journey, travel: {a b: {c: 5 s}}}", "camera 'a b'"),
        ("rules:\n- {name: a, kind: impossible_journey, travel: {a: {b c: 5 s}}}", "camera 'b c'"),
        ("timezone: Mars/Base\nrules: []", "line 1, timezone: no time zone 'Mars/Base'"),
        (HOURS.replace("19:00", "25:00"), "'07:00-25:00' is no time of day"),
        (HOURS.replace("mon-fri", "moon"), "'moon' is no day: choose of mon"),
        ("zones: {a: {polygons: {room1: [[1, 2]]}}}", "1 corners are no polygon"),
        ("rules: 5", "line 1, rules: '5' is no list: begin each rule with a dash"),
        ("rules: []", "line 1, rules: nothing in this list: write at least one rule"),
        ("hours: []\n", "line 1, hours: no time of day here: write a span such as"),
        ("hours: {sun: []}\n", "line 1, hours: no time of day here"),
        (
            "rules:\n- {name: a, kind: out_of_hours, when: []}",
            "line 2, rules[1].when: no time of day here: write a span such as",
        ),
        (
            "watch_lists: {b: [x]}\nrules:\n- {name: a, kind: watched, who: []}",
            "line 3, rules[1].who: nothing in this list: name a watch list",
        ),
        (
            "rules:\n- {name: a, kind: unusual_count, least: inf}",
            "line 2, rules[1].least: 'inf' is no number: write one such as",
        ),
        ("rules:\n- {name: a, kind: unusual_count, least: 1e30}", "1e+30 is no count: write a whole number"),
        (
            "rules:\n- {name: a, kind: loitering, longer_than: " + 400 * "9" + " d}",
            "is too long: write at most 36500 d",
        ),
        ("zones: {a: {polygons: {c: [[nan, 0], [1, 1], [0, 1]]}}}", "zones.a.polygons.c[1][1]: 'nan' is no"),
        ("zones: {a: {cameras: []}}", "zone 'a' has no camera"),
        ("zones: {a: room1, a: room2}", "a stands here twice"),
        (
            "rules:\n- {name: a, kind: unusual_count, least: 1.5}",
            "line 2, rules[1].least: 1.5 is no count: write a whole number",
        ),
        (
            "rules:\n- {name: a, kind: unusual_count}\n- {name: a, kind: unusual_count}",
            "line 3, rules[2]: two rules are called 'a'",
        ),
    ],
)
def test_what_is_wrong_is_named_with_line_and_remedy(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loads(text, "my.yaml")
    assert says in str(refused.value) and str(refused.value).startswith("my.yaml")
    assert str(refused.value).count("\n") == 0


HOOK = "deliver: {webhooks: {a: {url: 'http://x/', secret_env: S"
RULE = "rules:\n- {name: a, kind: unusual_count}\n"


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ("mon,wed,fri", {0, 2, 4}),
        ("mon-wed, sat", {0, 1, 2, 5}),
        ("Monday,THU", {0, 3}),
        ("fri-monday", {4, 5, 6, 0}),
        ("weekend,mon", {0, 5, 6}),
        ("mon-wed,tue", {0, 1, 2}),
        ("daily", set(range(7))),
    ],
)
def test_a_list_of_days_was_read_as_its_first_day(days: str, found: set[int]) -> None:
    rules = loads(f'hours: {{"{days}": "07:00-19:00"}}\n{RULE}').rules
    assert rules.hours == tuple(Hours(day, 420, 1140) for day in sorted(found))


@pytest.mark.parametrize(
    "days", ["sat/sun", "mon-wed-fri", "monkey", "tues", "mon,", "mon,,tue", "mon-", "-fri", "", "daily-mon"]
)
def test_what_began_like_a_day_was_taken_for_it(days: str) -> None:
    for span in ('"07:00-19:00"', ""):
        with pytest.raises(ConfigError) as refused:
            loads(f'hours:\n  "{days}": {span}\n{RULE}', "my.yaml")
        says = f"my.yaml, line 2, hours.{days}: '{days}' is no day: choose of mon, tue"
        assert str(refused.value).startswith(says)


def test_days_without_quotes_lost_all_but_the_last_at_the_comma() -> None:
    """YAML makes three keys of ``{mon,wed,fri: x}``, two of them without a value."""
    with pytest.raises(ConfigError, match=r"hours\.mon: 'mon' has no colon: add it; what holds a comma"):
        loads('hours: {mon,wed,fri: "07:00-19:00"}\n' + RULE)
    block = 'hours:\n  mon,wed,fri: "07:00-19:00"\n  sun:\n'
    assert {span.day for span in loads(block + RULE).rules.hours} == {0, 2, 4}


def test_rules_of_a_file_are_of_the_form_that_this_program_has() -> None:
    """`saferoom verify` believes what another form told."""
    assert loads(RULE).rules.form == FORM


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("deliver: {webhooks: {a: {url: 'http://x/'}}}", "no secret to sign with"),
        ("deliver: {webhooks: {a: {url: 'ftp://x/', secret_env: S}}}", "'ftp://x/' is no address"),
        ("deliver: {webhooks: {a: {url: 'http://x/', secret_env: NONE}}}", "the environment has no NONE"),
        ("deliver: {webhooks: {a: {url: 'http://x/', secret_file: /nowhere}}}", "/nowhere can't be read"),
        ("deliver: {webhooks: {a b: {url: 'http://x/', secret_env: S}}}", "'a b' is no name"),
        ("deliver: {webhooks: {a: {url: 'http://x/', secret_env: S, rules: [b]}}}", "'b' is not known"),
        # The signature would have been by another key than the receiver's.
        (
            "deliver: {webhooks: {a: {url: 'http://x/', secret_env: CUT}}}",
            "line 3, deliver.webhooks.a.secret_env: the secret in CUT is no base64 behind whsec_: copy",
        ),
        (HOOK + ", attempts: inf}}}", "line 3, deliver.webhooks.a.attempts: 'inf' is no number: write one"),
        (HOOK + ", attempts: 1.5}}}", "1.5 is no count: write a whole number from 1"),
        (HOOK + ", timeout: 0 s}}}", "deliver.webhooks.a.timeout: nobody can answer in no time: write a"),
        (HOOK + ", events: []}}}", "a.events: nothing in this list: choose of opened, updated"),
        (HOOK + ", rules: []}}}", "a.rules: nothing in this list: name a rule, or leave `rules:` out"),
        ("deliver: {mqtt: {a: {url: 'mqtt://u:p@x'}}}", "is no address"),
        ("deliver: {mqtt: {a: {url: 'mqtt://x', topic: 'a/#'}}}", "'a/#' is no topic to publish to"),
        ("deliver: {mqtt: {a: {url: 'mqtt://x', topic: '{person}'}}}", "only {site}, {rule}"),
        # At the first alert such a topic raised, and the receiver's thread ended.
        ("deliver: {mqtt: {a: {url: 'mqtt://x', topic: 's/{site/a'}}}", "'s/{site/a' is no topic"),
        ("deliver: {mqtt: {a: {url: 'mqtt://x', topic: 'a}b'}}}", "'a}b' is no topic to publish to"),
        ("deliver: {mqtt: {a: {url: 'mqtt://x', topic: '{{site}}'}}}", "'{{site}}' is no topic"),
        ("deliver: {mqtt: {a: {url: 'mqtt://x', topic: '{site!r}'}}}", "'{site!r}' is no topic"),
        ("deliver: {mqtt: {a: {url: 'mqtt://x', topic: ''}}}", "line 3, deliver.mqtt.a.topic: no topic to"),
        # It was left out, and the broker asked nobody for it.
        ("deliver: {mqtt: {a: {url: 'mqtt://x', password_env: S}}}", "no username: add `username:`"),
        ("deliver: {mqtt: {a: {url: 'mqtt://x', qos: 0}}}", "'0' is not known: choose of 1, 2"),
    ],
)
def test_a_wrong_receiver_is_named(monkeypatch: pytest.MonkeyPatch, text: str, says: str) -> None:
    monkeypatch.setenv("S", "secret")
    monkeypatch.setenv("CUT", "whsec_c2VjcmV")
    with pytest.raises(ConfigError) as refused:
        loads(RULE + text)
    assert says in str(refused.value) and "c2Vj" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.yaml can't be read .*SAFEROOM_ALERTS"):
        load(tmp_path / "none.yaml")


def test_the_doctor_reads_every_line(tmp_path: Path) -> None:
    assert check_alerts(None).ok
    file = tmp_path / "alerts.yaml"
    file.write_text(RULE)
    assert check_alerts(file).ok
    file.write_text(RULE + "zones: 5")
    found = check_alerts(file)
    assert not found.ok and "line 3, zones" in found.detail and found.remedy


def test_a_time_zone_is_written_down_as_the_database_has_it() -> None:
    rules = loads("timezone: America/New_York\n" + RULE).rules
    zone = ZoneInfo("America/New_York")
    for month in range(1, 13):
        for day in (1, 8, 12, 27):
            moment = datetime(2027, month, day, 7, 30, tzinfo=UTC)
            offset = moment.astimezone(zone).utcoffset()
            assert offset is not None
            ms = round(moment.timestamp() * 1000)
            assert local(rules, ms) - ms == offset.total_seconds() * 1000


def berlin() -> AlertRules:
    return loads("timezone: Europe/Berlin\n" + HOURS + RULE).rules


def moment(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def test_opening_hours_over_the_change_of_the_clocks() -> None:
    """On Friday 2026-10-23 Berlin is two hours ahead of UTC, on Monday the 26th one."""
    rules = berlin()
    assert is_open(rules, moment("2026-10-23T05:00:00Z")) and not is_open(
        rules, moment("2026-10-26T05:59:59Z")
    )
    assert is_open(rules, moment("2026-10-26T06:00:00Z"))
    friday, monday = moment("2026-10-23T17:00:00Z"), moment("2026-10-26T18:00:00Z")
    assert next_closing(rules, moment("2026-10-23T12:00:00Z")) == friday
    assert next_closing(rules, friday) == monday
    assert last_closing(rules, moment("2026-10-25T12:00:00Z")) == (moment("2026-10-23T05:00:00Z"), friday)


def test_the_hour_that_comes_twice_and_the_one_that_does_not_come() -> None:
    rules = berlin()
    twice = local(rules, moment("2026-10-25T00:30:00Z"))
    assert utc(rules, twice) == moment("2026-10-25T00:30:00Z")
    for text in ("2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z", "2026-07-01T12:00:00Z"):
        assert utc(rules, local(rules, moment(text))) == moment(text)


def test_spans_that_touch_are_one() -> None:
    day = tuple(Hours(n, 0, 1440) for n in range(7))
    assert last_closing(AlertRules(hours=day), moment("2026-11-24T12:00:00Z")) is None
    late = (Hours(0, 600, 1440), Hours(1, 0, 120))
    found = last_closing(AlertRules(hours=late), moment("2026-11-24T12:00:00Z"))
    assert found == (moment("2026-11-23T10:00:00Z"), moment("2026-11-24T02:00:00Z"))


@pytest.mark.parametrize("hour", some((0, 12, 23, *range(1, 12), *range(13, 23)), 3))
def test_the_unusual_cast_of_the_demo_comes_at_night(hour: int) -> None:
    """Whenever it is started: where the site lies it is after one o'clock for the next hour."""
    at = round(datetime(2026, 11, 24, hour, 5, tzinfo=UTC).timestamp() * 1000)
    rules = loads(unusual_rules(at, 4)).rules
    assert [zone.cameras for zone in rules.zones] == [("room4",)]
    moment = datetime.fromtimestamp(local(rules, at) / 1000, UTC)
    assert (moment.hour, moment.minute) == (1, 5)
