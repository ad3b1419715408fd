"""Alerts as the API shows, pushes and acknowledges them."""

import asyncio
from typing import Any

import msgspec
import pytest

from api.alert_models import Alert
from reid.contracts.commands import AcknowledgeAlert
from reid.contracts.views import AlertView
from reid.runtime.settings import Settings
from tests.component.api.world import World
from tests.unit.alerting.story import Story, acknowledge, at, rule, seen, tick
from tests.unit.projections.story import START, forgotten, merged, registered
from tests.unit.projections.test_alerts_view import apply


class AlertWorld(World):
    """With the alert rules behind the commands' seam."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, None)
        self.story = Story(rule("restricted"))
        self.commands.publish = self._publish  # type: ignore[method-assign]

    def tell(self, *inputs: Any) -> None:
        known = len(self.story.log)
        self.story.when(*inputs)
        apply(self.store, self.story.log[known:])

    async def _publish(self, command: Any) -> None:
        assert isinstance(command, AcknowledgeAlert)
        asyncio.get_running_loop().call_later(0.01, lambda: self.tell(command))


@pytest.fixture
def world(api_settings: Settings) -> AlertWorld:
    made = AlertWorld(api_settings)
    made.happens(*(registered(who, n, f"Visitor-{who}", START) for n, who in enumerate("abc")))
    made.tell(seen("a", 0), seen("b", 1, "room2"), seen("c", 2, "room3"))
    return made


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [alert["person_id"] for alert in answer.json()["alerts"]]


def next_alerts(socket: Any) -> list[dict[str, Any]]:
    while (message := socket.receive_json())["type"] != "alerts":
        pass
    found: list[dict[str, Any]] = message["alerts"]
    return found


def test_alerts_come_latest_first_in_pages(world: AlertWorld) -> None:
    with world.client() as client:
        assert ids(client.get("/alerts")) == ["c", "b", "a"]
        page = client.get("/alerts", params={"limit": 2})
        assert ids(page) == ["c", "b"]
        rest = client.get("/alerts", params={"limit": 2, "cursor": page.json()["next_cursor"]})
        assert ids(rest) == ["a"] and rest.json()["next_cursor"] is None
        alert = page.json()["alerts"][1]
        assert (alert["camera_id"], alert["opened_at"], alert["closed_at"]) == ("room2", at(1), None)
        assert alert["evidence"]["cause"].startswith("reid.events.v1/0/") and "of" not in alert
        assert client.get("/alerts", params={"state": "loud"}).status_code == 422


def test_alerts_named_somebody_forgotten_where_no_alerts_process_ran(world: AlertWorld) -> None:
    """Rules were switched off since: nobody told the alerts of it, and they kept the name."""
    world.happens(merged("c", "b", "Visitor-c"), forgotten("a"))
    with world.client() as client, client.websocket_connect("/ws") as socket:
        answer = client.get("/alerts").json()["alerts"]
        assert [alert["person_id"] for alert in answer] == ["c", "b", None], "who was merged is there still"
        assert answer == next_alerts(socket)[::-1]
        gone = answer[-1]
        assert gone["label"] == "" and not {"track", "bbox"} & gone["evidence"].keys()
        assert gone["camera_id"] == "room1" and gone["evidence"]["cause"]


def test_one_that_is_over_is_open_until_somebody_has_seen_it(world: AlertWorld) -> None:
    world.tell(tick(500))
    with world.client() as client:
        found = client.get("/alerts").json()["alerts"]
        assert len(found) == 3 and all(alert["closed_at"] == at(500) for alert in found)
        url = f"/alerts/{found[0]['alert_id']}/acknowledge"
        answer = client.post(url, headers={"X-Asked-By": "desk"})
        assert answer.status_code == 200 and answer.json()["alert"]["state"] == "acknowledged"
        assert answer.json()["alert"]["acknowledged_by"] == "desk"
        assert client.post(url, headers={"X-Asked-By": "porter"}).json()["alert"]["acknowledged_by"] == "desk"
        assert ids(client.get("/alerts")) == ["b", "a"]
        assert ids(client.get("/alerts", params={"state": "acknowledged"})) == ["c"]
        assert ids(client.get("/alerts", params={"state": "all"})) == ["c", "b", "a"]


def test_an_unknown_one_is_404(world: AlertWorld) -> None:
    with world.client() as client:
        answer = client.post("/alerts/nobody/acknowledge")
        assert answer.status_code == 404 and answer.json() == {"detail": "no alert nobody"}
        assert client.post("/alerts/a:b/acknowledge").status_code == 422


def test_a_key_acknowledges_once(world: AlertWorld) -> None:
    with world.client() as client:
        url = f"/alerts/{client.get('/alerts').json()['alerts'][0]['alert_id']}/acknowledge"
        first = client.post(url, headers={"Idempotency-Key": "k"}).json()
        assert client.post(url, headers={"Idempotency-Key": "k"}).json()["command_id"] == first["command_id"]


def test_alerts_are_pushed(world: AlertWorld) -> None:
    with world.client() as client, client.websocket_connect("/ws") as socket:
        assert [alert["person_id"] for alert in next_alerts(socket)] == ["a", "b", "c"]
        world.tell(seen("d", 3))
        (alert,) = next_alerts(socket)
        assert (alert["person_id"], alert["state"]) == ("d", "open")
        world.tell(acknowledge(alert["alert_id"], 4))
        (alert,) = next_alerts(socket)
        assert (alert["person_id"], alert["state"]) == ("d", "acknowledged")


def test_without_redis_it_is_503(world: AlertWorld) -> None:
    with world.client() as client:
        world.reader.away = True
        assert client.get("/alerts").status_code == 503


def test_an_alert_shows_what_its_document_holds_and_nothing_of_its_own() -> None:
    """The answer's fields are the document's, less those named here: a new one must be decided on."""
    kept_back = {"number", "of", "reason", "events"}
    document = {field.name: field for field in msgspec.structs.fields(AlertView)}
    assert set(Alert.model_fields) == set(document) - kept_back
    for name, field in Alert.model_fields.items():
        required = document[name].default is msgspec.NODEFAULT
        assert field.is_required() == required or name == "state", name
