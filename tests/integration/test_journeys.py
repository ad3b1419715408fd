"""Journeys on real servers: worker, projector and API together, live, rebuilt and replayed."""

import contextlib
import io
import itertools
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from statistics import median
from typing import Any

import httpx
import pytest
import redis

from api.reader import ACL
from api.server import listen, server_of, url_of
from deploy.calibration.gathering import gather
from deploy.calibration.summary import summary as calibration
from deploy.replay_command import answer
from projections.databases import Databases
from projections.rebuild import rebuild, verify
from projections.views import CamerasView, PersonsView
from reid.contracts.codec import decode_command, encode
from reid.contracts.commands import ConfirmIdentity, UnmergePersons
from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.events import IdentityReviewed, TrackRef
from reid.contracts.topics import COMMANDS, DETECTIONS
from reid.runtime import kafka
from reid.runtime.settings import Settings
from tests.integration.event_log import TTL_DAYS, EventLog, projector, until
from tests.integration.identity_worker import send, worker
from tests.unit.domain.story import DIM, look
from tests.unit.projections.story import START, registered, split, state, track, walk
from tests.unit.projections.test_journeys import present
from tests.unit.projections.test_reviews import united

pytestmark = pytest.mark.integration
#: What is told here is a year old: nobody answered it in time.
REVIEW = "/review?aged=true"
PATHS = (
    "/journeys",
    "/groups",
    "/analytics/transitions",
    "/analytics/flows",
    "/persons/a/trajectory",
    REVIEW,
)


@pytest.fixture
def client(settings: Settings, topics: str, clean_redis: str) -> Iterator[httpx.Client]:
    """The API, as a Redis user who may only do what it declares to need; a projector is at work."""
    admin = redis.Redis.from_url(clean_redis)
    admin.execute_command("ACL", "SETUSER", "api-test", "reset", "on", ">only-reads", *ACL)
    url = clean_redis.replace("redis://", "redis://api-test:only-reads@")
    reading = settings.model_copy(update={"redis_url": url, "command_timeout": 3.0, "ready_lag": 0})
    started = threading.Event()
    server = server_of(reading, started.set)
    with projector(topics, clean_redis), closing(listen("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), name="api")
        thread.start()
        assert started.wait(10)
        with httpx.Client(base_url=url_of(listener), timeout=15) as made:
            yield made
        server.should_exit = True
        thread.join(10)
    admin.execute_command("ACL", "DELUSER", "api-test")
    admin.close()


def caught_up(client: httpx.Client) -> None:
    until(lambda: client.get("/readyz").status_code == 200)


def site() -> list[Any]:
    """A walks alone; X and Y walk together; B was thought to be A for a while."""
    told = [*walk("a", 0, "Visitor-A", "room1", "room2"), *walk("b", 1, "Visitor-B", "room3")]
    rooms = itertools.islice(itertools.cycle(["room1", "room2", "room4", "room3"]), 9)
    for number, room in enumerate(rooms):
        for person, late in (("x", 0), ("y", 1)):
            if number == 0:
                told.append(registered(person, 5 + late, person, START, track=track("room5", person)))
            since = 100 + 40 * number + late
            told += present(person, room, since, since + 9 + number, f"{person}{number}")
    told.append(united("a", "b"))
    return told


def test_the_same_answers_live_rebuilt_and_replayed(
    client: httpx.Client, settings: Settings, topics: str, clean_redis: str
) -> None:
    log, told = EventLog(topics), site()
    for first in range(0, len(told), 25):
        log.write(*told[first : first + 25])
    until(lambda: client.get(REVIEW).json()["items"])
    before = {path: client.get(path).json() for path in PATHS}
    assert [journey["person_id"] for journey in before["/journeys"]["journeys"]][-1] == "a"
    (group,) = before["/groups"]["groups"] or [{}]
    assert group["person_ids"] == ["x", "y"]
    assert [item["kind"] for item in before[REVIEW]["items"]] == ["automatic_merge"]

    def anew(action: Any) -> Any:
        consumer, both = kafka.reader(topics), Databases(clean_redis)
        try:
            return action(consumer, both)
        finally:
            consumer.close()
            both.close()

    verdict = anew(lambda consumer, both: verify(consumer, both, PersonsView(TTL_DAYS)))
    assert verdict.differing == () and verdict.equal
    anew(lambda consumer, both: rebuild(consumer, both, [PersonsView(TTL_DAYS), CamerasView()]))
    caught_up(client)
    assert {path: client.get(path).json() for path in PATHS} == before

    log.write(split("merge_undone", state("a", 0, "Visitor-A"), state("b", 1, "Visitor-B"), track("room3")))
    until(lambda: client.get(REVIEW).json()["items"] == [])
    assert client.get("/persons/b/trajectory").json()["legs"][0]["camera_id"] == "room3"
    # The past is folded from the log alone.
    told_at = {path: _replayed(settings, START + 9_000_000, path) for path in ("/journeys", "/groups")}
    assert told_at["/groups"] == before["/groups"]
    assert len(told_at["/journeys"]["journeys"]) == 4
    early = _replayed(settings, START + 500, "/journeys")
    assert [journey["person_id"] for journey in early["journeys"]] == ["a"]


def _replayed(settings: Settings, at: int, path: str) -> Any:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        assert answer(settings, str(at), ["GET", path], True) == 0
    return json.loads(out.getvalue())


def test_a_no_is_two_commands_in_the_log(client: httpx.Client, topics: str) -> None:
    log = EventLog(topics)
    log.write(*walk("a", 0, "A", "room1"), *walk("b", 1, "B", "room2"), united("a", "b"))
    (item,) = until(lambda: client.get(REVIEW).json()["items"])
    with ThreadPoolExecutor(1) as asking:
        answered: Future[httpx.Response] = asking.submit(
            client.post, f"/review/{item['item_id']}", json={"answer": "no"}
        )
        undo: Any = decode_command(log.command()[1])
        assert isinstance(undo, UnmergePersons) and (undo.person_id, undo.absorbed_id) == ("a", "b")
        two = state("a", 0, "A"), state("b", 1, "B")
        log.write(split("merge_undone", *two, track("room2"), command_id=undo.command_id))
        said = _second_command(topics, log)
        assert isinstance(said, ConfirmIdentity)
        assert (said.person_id, said.other_id, said.answer, said.score) == ("a", "b", "no", 0.75)
        log.write(
            IdentityReviewed(
                site_id="global", at=START, person_id="a", other_id="b", answer="no",
                command_id=said.command_id,
            )
        )  # fmt: skip
        told = answered.result(5)
    assert (told.status_code, told.json()["command_id"]) == (200, said.command_id)
    assert client.get(REVIEW).json()["items"] == []
    assert client.get("/persons").json()["total"] == 2
    steps = client.get("/persons/a/history").json()["steps"]
    assert (steps[-1]["kind"], steps[-1]["reason"], steps[-1]["other_id"]) == ("reviewed", "no", "b")


def _second_command(topics: str, log: EventLog) -> Any:
    from tests.integration.identity_worker import read_all

    def found() -> Any:
        messages = [m for p in range(4) for m in read_all(topics, COMMANDS.name, p)]
        return messages if len(messages) == 2 else None

    return decode_command(max(until(found, 5), key=lambda message: message.offset() or 0).value() or b"")


def test_somebody_walks_and_the_journey_is_there_within_a_second(
    client: httpx.Client, settings: Settings, topics: str
) -> None:
    """Through the real worker: two rooms, one person, and somebody confirms who it is."""
    start = int(time.time() * 1000) - 60_000

    def room(camera: str, tracker: int, seconds: range, letter: str = "a") -> list[tuple[str, str, bytes]]:
        made = []
        for second in seconds:
            seen = Person(tracker, (10.0, 20.0, 40.0, 100.0), 0.9, 0.9, look(letter))
            frame = Frame(camera, start + 1000 * second, 640, 480, "s1", Model("letters", "1", DIM), (seen,))
            made.append((DETECTIONS.name, "global", encode(Detections("global", "test", (frame,)))))
        return made

    def legs() -> list[str]:
        found = client.get("/journeys").json()["journeys"]
        return [leg["camera_id"] for journey in found for leg in journey["legs"]]

    def walks(tracker: int, letter: str, begins: int) -> float:
        """Seconds from the second room to its leg, of somebody who was not there before."""
        before = len(legs())
        send(topics, room("room1", tracker, range(begins, begins + 12), letter))
        until(lambda: len(legs()) == before + 1, 20)
        sent = time.monotonic()
        send(topics, room("room2", tracker + 1, range(begins + 15, begins + 25), letter))
        until(lambda: len(legs()) == before + 2, 10)
        return time.monotonic() - sent

    with worker(settings):
        took = [walks(4, "a", 0)]
        assert legs() == ["room1", "room2"]
        (journey,) = client.get("/journeys").json()["journeys"]
        one, two = journey["legs"]
        # Since its first crop, not since it was known who it is.
        assert (one["entered_at"], two["entered_at"]) == (start, start + 15_000)
        assert abs(one["dwell_ms"] - 11_000) <= 1_000
        who = journey["person_id"]
        confirm = ConfirmIdentity(
            site_id="global", command_id="r1", issued_at=start + 40_000, issued_by="desk", person_id=who,
            track=TrackRef("room2", "s1", "5"), score=0.9,
        )  # fmt: skip
        send(topics, [(COMMANDS.name, "global", encode(confirm))])
        outcome = until(lambda: _done(client, "r1"), 10)
        assert (outcome["event_type"], outcome["person_id"]) == ("reid.identity.reviewed.v1", who)
        moved = client.get("/analytics/transitions").json()["transitions"]
        assert [(m["from_camera"], m["to_camera"], m["count"]) for m in moved] == [("room1", "room2", 1)]
        # Of three: one may meet a pause of this machine.
        took += [walks(10, "c", 26), walks(20, "e", 52)]
        assert median(took) < 1.0, took


def test_who_comes_back_on_another_day_is_suggested_and_a_yes_keeps_the_older_label(
    client: httpx.Client, settings: Settings, topics: str
) -> None:
    now = int(time.time() * 1000)
    # A night lies between the two walks: it ended ten minutes ago.
    dawn = (now - 600_000) % 86_400_000 / 3_600_000
    rule = {"SAFEROOM_DAYS": "same_day", "SAFEROOM_DAY_START_HOUR": str(dawn), "SAFEROOM_VISIT_GAP": "60"}

    def passing(camera: str, tracker: int, start: int) -> list[tuple[str, str, bytes]]:
        person = Person(tracker, (10.0, 20.0, 40.0, 100.0), 0.9, 0.9, look("a"))
        model = Model("letters", "1", DIM)
        frames = [Frame(camera, start + 400 * i, 640, 480, "s1", model, (person,)) for i in range(6)]
        return [(DETECTIONS.name, "global", encode(Detections("global", "test", (f,)))) for f in frames]

    with worker(settings, **rule):
        send(topics, passing("room1", 1, now - 1_200_000))
        send(topics, passing("room2", 2, now - 10_000))
        (item,) = until(lambda: client.get("/review").json()["items"], 20)
        assert (item["kind"], item["reason"], item["threshold"]) == ("suggested", "another_day", 1.0)
        assert (item["label"], item["other_label"]) == ("Visitor-B", "Visitor-A")
        assert item["other_last_seen"] < now - 600_000 < item["at"]
        told = client.post(f"/review/{item['item_id']}", json={"answer": "yes"})
        assert told.status_code == 200, told.text
        assert client.get("/review").json()["items"] == []
        (person,) = client.get("/persons").json()["persons"]
        assert (person["label"], person["cameras"]) == ("Visitor-A", ["room1", "room2"])
        assert person["person_id"] == item["other_id"]
        steps = client.get(f"/persons/{person['person_id']}/history").json()["steps"]
        kinds = [step["kind"] for step in steps]
        assert {"suggested", "merged", "reviewed"} <= set(kinds)
        learned = calibration(gather(topics, "global", None)).encoders[0]
        assert (learned.model, learned.answers) == ("letters@1", 1) and learned.learned > 0
        send(topics, passing("room3", 3, now - 4_000))
        until(lambda: "room3" in client.get("/persons").json()["persons"][0]["cameras"], 20)
        assert len(client.get("/persons").json()["persons"]) == 1, "seen today: recognised as usual"


def _done(client: httpx.Client, command_id: str) -> Any:
    found = client.get(f"/commands/{command_id}")
    return found.json() if found.status_code == 200 and found.json()["status"] == "done" else None
