"""Alerts from the event log to the API, webhooks and MQTT, on real servers."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner
from websockets.sync.client import connect

from api.server import listen, server_of, url_of
from deploy import cli
from deploy.verify.alert_log import verify_alerts
from deploy.verify.findings import Check, Findings
from projections.alerts import AlertsView
from projections.databases import Databases
from projections.rebuild import rebuild
from projections.redis_store import RedisViewStore
from projections.views import CamerasView, PersonsView
from reid.contracts.alerts import AlertAcknowledged, AlertClosed, AlertOpened, AlertRulesAdopted
from reid.contracts.codec import decode_alert, encode
from reid.contracts.events import TrackRef
from reid.contracts.topics import ALERTS, ALERTS_GROUP, EVENTS, UNDELIVERED, delivery_group
from reid.runtime import kafka
from reid.runtime.ready import read_ready
from reid.runtime.settings import Settings
from streams.alerting.process import run
from streams.kafka_log import headers_in
from tests.integration.alerts import Hook, MqttBroker, MqttListener, agent, alerts_of, read_all
from tests.integration.event_log import EventLog, projector, until
from tests.integration.processes import start
from tests.unit.projections.story import forgotten, merged, registered, seen

pytestmark = pytest.mark.integration

RULES = """
zones: {server room: room3}
rules:
- {name: server room, kind: restricted, zone: server room, rearm: 1 s, severity: critical}
- {name: loitering, kind: loitering, longer_than: 60 s, rearm: 2 min}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "alerts.yaml"
    path.write_text(RULES)
    return path


def now() -> int:
    return time.time_ns() // 1_000_000


def sighting(person: str, at: int, camera: str = "room3", label: str = "") -> Any:
    return seen(person, label or f"Visitor-{person}", TrackRef(camera, "s1", "1"), at, reason="bound")


@pytest.fixture
def api(settings: Settings, topics: str, clean_redis: str) -> Iterator[str]:
    """With a projector at work."""
    started = threading.Event()
    server = server_of(settings, started.set)
    with projector(topics, clean_redis), closing(listen("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), name="api")
        thread.start()
        assert started.wait(10)
        yield url_of(listener)
        server.should_exit = True
        thread.join(10)


def shown(api: str, state: str = "all") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{api}/alerts", params={"state": state}).json()["alerts"]
    return found


def test_from_the_log_to_the_page_and_back(
    settings: Settings, rules: Path, event_log: EventLog, api: str, clean_redis: str, topics: str
) -> None:
    with agent(settings, rules), connect(api.replace("http", "ws") + "/ws") as socket:
        began = now()
        event_log.write(registered("b", 1, "Ada", began - 9), registered("a", 0, "Visitor-a", began))
        event_log.write(sighting("a", began))
        (alert,) = until(lambda: shown(api))
        assert (alert["rule"], alert["camera_id"], alert["person_id"]) == ("server room", "room3", "a")
        assert alert["state"] == "open" and alert["severity"] == "critical" and alert["opened_at"] == began
        cause = alert["evidence"]["cause"]
        (record,) = [r for r in read_all(topics, EVENTS.name) if r.value() == encode(sighting("a", began))]
        assert cause == f"{EVENTS.name}/{record.partition()}/{record.offset()}"
        assert alert["evidence"]["event_id"] == dict(headers_in(record))["ce_id"].decode()

        def pushed() -> dict[str, Any]:
            while True:
                message = json.loads(socket.recv(10))
                if message["type"] == "alerts":
                    return message["alerts"][-1]  # type: ignore[no-any-return]

        assert pushed()["alert_id"] == alert["alert_id"]
        url = f"{api}/alerts/{alert['alert_id']}/acknowledge"
        answer = httpx.post(url, headers={"X-Asked-By": "desk"})
        assert answer.status_code == 200 and answer.json()["alert"]["acknowledged_by"] == "desk"
        while (found := pushed())["state"] != "acknowledged":
            pass
        assert httpx.post(url, headers={"X-Asked-By": "porter"}).json()["alert"]["acknowledged_by"] == "desk"
        assert httpx.post(f"{api}/alerts/nobody/acknowledge").status_code == 404
        assert shown(api, "open") == [] and len(shown(api, "acknowledged")) == 1
        # Silence: only a tick tells that it is over.
        until(lambda: shown(api)[0]["closed_at"])
        assert found["alert_id"] == shown(api)[0]["alert_id"]
        event_log.write(merged("b", "a", "Ada", at=began + 1))
        until(lambda: shown(api)[0]["person_id"] == "b" and shown(api)[0]["label"] == "Ada")
        event_log.write(forgotten("b"))
        until(lambda: shown(api)[0]["person_id"] is None)
        left = {name: value for name, value in alert["evidence"].items() if name not in ("track", "bbox")}
        assert shown(api)[0]["label"] == "" and shown(api)[0]["evidence"] == left
        rebuilt_as_it_was(topics, clean_redis)
    assert_decided_again_to_the_same(settings)


def rebuilt_as_it_was(bootstrap: str, redis_url: str) -> None:
    """The view anew from the log: the same documents."""
    store, databases = RedisViewStore(redis_url), Databases(redis_url)
    consumer = kafka.reader(bootstrap)
    before = store.dump("saferoom:alerts:")
    assert before
    try:
        rebuild(consumer, databases, [PersonsView(90), CamerasView(), AlertsView()])
        assert store.dump("saferoom:alerts:") == before
    finally:
        consumer.close()
        databases.close()
        store.close()


def assert_decided_again_to_the_same(settings: Settings) -> None:
    """`saferoom verify`, its part on alerts: every partition from zero, the same bytes."""
    findings = Findings()
    compared = verify_alerts(settings, 10.0, findings)
    assert findings.kept == {check: [] for check in Check} and findings.notes == []
    assert compared == len(alerts_of(settings.kafka()))


def test_killed_again_and_again_each_alert_is_there_once(
    settings: Settings, rules: Path, event_log: EventLog, topics: str
) -> None:
    people, began = 0, now()
    child = start("streams.alerting.process", settings, SAFEROOM_ALERTS=str(rules))
    try:
        # Ready at the end of an empty log: what comes is new.
        until(lambda: (read_ready(settings, "alerts") or {}).get("partitions"), 40)
        for _ in range(3):
            for _ in range(40):
                people += 1
                event_log.write(sighting(f"p{people}", began + people))
            until(partial(half_told, topics, people), 40)
            child.kill()
            child.communicate()
            child = start("streams.alerting.process", settings, SAFEROOM_ALERTS=str(rules))
        until(lambda: opened(topics) >= people, 40)
    finally:
        child.kill()
        child.communicate()
    found = alerts_of(topics)
    assert sum(isinstance(alert, AlertRulesAdopted) for alert in found) == 1
    persons = [alert.person_id for alert in found if isinstance(alert, AlertOpened)]
    assert sorted(persons) == sorted(f"p{n}" for n in range(1, people + 1))
    assert_decided_again_to_the_same(settings)


def half_told(bootstrap: str, people: int) -> bool:
    return opened(bootstrap) > people // 2


def opened(bootstrap: str) -> int:
    return sum(isinstance(alert, AlertOpened) for alert in alerts_of(bootstrap))


def test_a_dead_and_a_slow_receiver_hold_up_nobody(
    settings: Settings, rules: Path, event_log: EventLog, topics: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "whsec_" + base64.b64encode(b"a key of some length").decode())
    broker, release = MqttBroker(), threading.Event()
    broker.start()

    def slow(number: int) -> int:
        release.wait(30)
        return 200

    flaky = Hook(lambda number: 503 if number < 2 else 204)
    with flaky, Hook(slow) as held, Hook() as good:
        rules.write_text(
            RULES
            + f"""
deliver:
  webhooks:
    flaky: {{url: "{flaky.url}", secret_env: HOOK_SECRET, backoff: 50 ms}}
    slow: {{url: "{held.url}", secret_env: HOOK_SECRET, timeout: 60 s}}
    good: {{url: "{good.url}", secret_env: HOOK_SECRET, events: [opened, acknowledged], rules: [server room]}}
    dead: {{url: "http://127.0.0.1:9/", secret_env: HOOK_SECRET, attempts: 2, backoff: 50 ms}}
  mqtt:
    building:
      url: {broker.url}
      topic: saferoom/{{site}}/alerts/{{kind}}
      timeout: 2 s
      backoff: 100 ms
"""
        )
        listener = MqttListener(broker)
        with agent(settings, rules):
            event_log.write(sighting("a", now()), sighting("b", now()))
            until(lambda: len(good.requests) >= 2)
            until(lambda: len(listener.messages) >= 2)
            until(lambda: len(flaky.requests) >= 4)
            until(lambda: len(read_all(topics, UNDELIVERED.name)) >= 2, 20)
            assert len(held.requests) == 1
        listener.close()
        release.set()
        told = [alert for alert in alerts_of(topics) if isinstance(alert, AlertOpened)]
        check_signature(*good.requests[0])
        assert {body["data"]["alert_id"] for body in good.told()} == {alert.alert_id for alert in told}
        ids = [headers["webhook-id"] for headers, _ in flaky.requests]
        assert ids[0] == ids[1] == ids[2] and len(set(ids[:4])) == 2
        topic, message = listener.messages[0]
        assert topic == "saferoom/global/alerts/restricted" and message == good.told()[0]
        letter = dict(headers_in(read_all(topics, UNDELIVERED.name)[0]))
        assert letter["dlq_receiver"] == b"dead" and b"ConnectError" in letter["dlq_error"]
        assert isinstance(decode_alert(read_all(topics, UNDELIVERED.name)[0].value()), AlertOpened)
        # A restart goes on where each receiver stood: the slow one has the rest still before it.
        before = len(good.requests)
        broker.stop()
        with agent(settings, rules):
            until(lambda: {b["data"]["alert_id"] for b in held.told()} >= {a.alert_id for a in told}, 30)
            event_log.write(sighting("c", now()))
            until(lambda: len(good.requests) == before + 1)
            broker.start()
            again = MqttListener(broker)
            event_log.write(sighting("d", now()))
            until(lambda: {m["data"].get("person_id") for _, m in again.messages} & {"d"}, 30)
            again.close()
    broker.stop()


def test_what_a_receiver_did_not_take_is_listed_and_sent_again_once(
    settings: Settings, rules: Path, event_log: EventLog, topics: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "secret")

    def receivers(url: str) -> None:
        rules.write_text(
            RULES
            + f"""
deliver:
  webhooks:
    porter: {{url: "{url}", secret_env: HOOK_SECRET, attempts: 1, backoff: 1 ms, events: [opened]}}
"""
        )

    def run_cli(*arguments: str) -> Any:
        given = ["--kafka", topics, "--home", str(settings.home)]
        return CliRunner().invoke(cli.app, ["alerts", *arguments, *given])

    receivers("http://127.0.0.1:9/")
    with agent(settings, rules):
        event_log.write(sighting("a", now()), sighting("b", now()))
        until(lambda: len(read_all(topics, UNDELIVERED.name)) == 2, 20)
    ids = [dict(headers_in(record))["ce_id"].decode() for record in read_all(topics, UNDELIVERED.name)]
    listed = [json.loads(line) for line in run_cli("undelivered", "--json").stdout.splitlines()]
    assert [(told["id"], told["receiver"], told["sent_again"]) for told in listed] == [
        (id_, "porter", False) for id_ in ids
    ]
    assert "ConnectError" in listed[0]["error"] and listed[0]["rule"] == "server room"
    again = ("resend", "--alerts", str(rules), "--json")
    still_away = run_cli(*again)
    assert still_away.exit_code == 1 and len(json.loads(still_away.stdout)["failed"]) == 2
    with Hook() as hook:
        receivers(hook.url)
        assert run_cli(*again).exit_code == 0
        assert [headers["webhook-id"] for headers, _ in hook.requests] == ids
        assert json.loads(run_cli(*again).stdout) == {"sent": [], "failed": []}
        # By its place, even again: a person says so.
        assert run_cli(*again, "--place", listed[1]["place"]).exit_code == 0
        assert [headers["webhook-id"] for headers, _ in hook.requests] == [*ids, ids[1]]
    assert run_cli("undelivered").stdout.count("(sent again)") == 2
    assert "no receiver desk" in str(run_cli(*again, "--receiver", "desk").exception)


def check_signature(headers: dict[str, str], body: bytes) -> None:
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"a key of some length", signed, hashlib.sha256).digest())
    assert headers["webhook-signature"] == "v1," + expected.decode()
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60


def test_no_alert_before_its_time_and_one_agent_at_work(
    settings: Settings, rules: Path, event_log: EventLog, topics: str
) -> None:
    """What was in the log before the first start is learned, not told; a second agent takes over."""
    event_log.write(sighting("early", now() - 5_000))
    second = settings.model_copy(update={"worker_id": "worker-1", "home": settings.home / "second"})
    with agent(settings, rules):
        event_log.write(sighting("a", now()))
        until(lambda: opened(topics) == 1)
        stop = threading.Event()
        other = threading.Thread(target=run, args=(second.model_copy(update={"alerts": rules}), stop))
        other.start()
        time.sleep(1.0)
        event_log.write(sighting("b", now()))
        until(lambda: opened(topics) == 2, 30)
    event_log.write(sighting("c", now()))
    until(lambda: opened(topics) == 3, 30)
    stop.set()
    other.join(15)
    kinds = [type(alert) for alert in alerts_of(topics)]
    assert kinds.count(AlertRulesAdopted) == 1 and AlertAcknowledged not in kinds
    assert kinds.count(AlertClosed) <= 3


def test_members_that_the_broker_took_for_two_of_one_name_go_on(
    settings: Settings, rules: Path, event_log: EventLog, topics: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was after a broker had been away: the agent's client, fenced by itself, never tried again, while
    the process lived, said that it was ready, and told nobody anything. A receiver's is of the same kind."""
    monkeypatch.setenv("HOOK_SECRET", "secret")
    with Hook() as hook:
        rules.write_text(
            f"{RULES}\ndeliver: {{webhooks: {{desk: {{url: '{hook.url}', secret_env: HOOK_SECRET, "
            "events: [opened]}}}\n"
        )
        with agent(settings, rules):
            # A member of an earlier test holds its part for a session's time: what comes before is not told.
            until(lambda: len(read_ready(settings, "alerts")["partitions"]) == settings.partitions)  # type: ignore[index]
            event_log.write(sighting("a", now()))
            until(lambda: len(hook.requests) == 1, 30)
            take_the_name(settings, ALERTS_GROUP, EVENTS.name)
            take_the_name(settings, delivery_group("desk"), ALERTS.name)
            event_log.write(sighting("b", now()))
            until(lambda: len(hook.requests) == 2, 60)


def take_the_name(settings: Settings, group: str, topic: str) -> None:
    """A member of the worker's name is given what the worker had, and ends."""
    name = {"group.id": group, "group.instance.id": settings.worker_id, "session.timeout.ms": 6000}
    other = kafka.reader(settings.kafka(), **name, **{"partition.assignment.strategy": "range"})
    given = threading.Event()
    other.subscribe([topic], on_assign=lambda *_: given.set())
    until(lambda: other.poll(0.1) is not None or given.is_set(), 30)
    time.sleep(4)  # a heartbeat of the first, which is told that it is fenced
    other.close()
