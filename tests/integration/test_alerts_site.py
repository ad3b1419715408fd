"""On the simulated site, seen by a perfect detector and encoder: exactly the alerts that its scenario holds.

Boxes are the true ones and everybody's appearance is a vector of its own, which changes with the jacket. What
is tested is the chain behind: identities by the real decision rule, alerts by the real rules.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

import numpy as np
import pytest

from producers.simulation.scenario import UNUSUAL, Scenario
from producers.simulation.site import Site
from reid.alerting.state import SiteState
from reid.alerting.step import Source
from reid.alerting.step import step as alert
from reid.contracts.alerts import AlertClosed, AlertOpened
from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.embedding import encode_wire
from reid.contracts.events import PersonRegistered
from reid.domain.policy import Policies
from reid.domain.state import PartitionState
from reid.domain.step import step as identify
from reid.runtime.alerts.file import loads

pytestmark = pytest.mark.integration

#: 23:30 in Berlin.
NIGHT = round(datetime(2026, 11, 24, 22, 30, tzinfo=UTC).timestamp() * 1000)
DAY = round(datetime(2026, 11, 24, 11, 0, tzinfo=UTC).timestamp() * 1000)
FPS, SECONDS = 4, 175
MODEL = Model("truth", "1", 64)
RULES = loads(
    """
timezone: Europe/Berlin
zones: {forbidden: room4}
rules:
- {name: forbidden room at night, kind: restricted, zone: forbidden, when: "22:00-06:00"}
- {name: loitering, kind: loitering, longer_than: 90 s}
- {name: impossible journey, kind: impossible_journey}
- {name: strangers, kind: unusual_count}
"""
).rules


def frames(site: Site, start_ms: int) -> Iterator[list[Frame]]:
    """All cameras' frames, one moment after another. A visit of a camera is one track."""
    tracks: dict[tuple[int, int], int] = {}
    seen_at: dict[tuple[int, int], int] = {}
    ids = count()
    for number in range(SECONDS * FPS):
        t = number / FPS
        made = []
        for camera, view in enumerate(site._views):
            persons = []
            for person in range(site.people):
                pose = site.pose(person, t)
                if not view.room.in_sight(pose.x, pose.y):
                    continue
                foot, head = view.lens.project(np.array([[pose.x, pose.y, 0.0], [pose.x, pose.y, 1.75]]))
                height = max(float(foot[1] - head[1]), 4.0)
                box = (float(foot[0]) - height / 6, float(head[1]), height / 3, height)
                if number - seen_at.get((camera, person), -99) > 2:
                    tracks[camera, person] = next(ids)
                seen_at[camera, person] = number
                look = site.worn(person, t)
                axis = person if look == site.wardrobes[person] else 32 + person
                wire = encode_wire(np.eye(64, dtype=np.float32)[axis])
                embedding = wire if number % 2 == 0 else None
                persons.append(Person(tracks[camera, person], box, 1.0, 1.0, embedding))
            at = start_ms + round(1000 * t)
            made.append(Frame(f"room{camera + 1}", at, 640, 480, "s1", MODEL, tuple(persons)))
        yield made


def alerts(scenario: Scenario, start_ms: int, seed: int = 0) -> tuple[list[AlertOpened | AlertClosed], int]:
    """What is told, and how many persons there are."""
    site = Site(12, 4, seed, scenario=scenario)
    state, told, known, place = PartitionState(), SiteState(), 0, 0
    made: list[AlertOpened | AlertClosed] = []
    for moment in frames(site, start_ms):
        message = Detections("global", "truth", tuple(moment))
        for event in identify(state, message, Policies()):
            known += isinstance(event, PersonRegistered)
            found = alert(told, event, Source(f"reid.events.v1/0/{place}"), RULES)
            made += [one for one in found if isinstance(one, AlertOpened | AlertClosed)]
            place += 1
    return made, known


def test_exactly_the_loiterer_and_the_intruder_at_night() -> None:
    made, known = alerts(UNUSUAL, NIGHT)
    opened = [one for one in made if isinstance(one, AlertOpened)]
    assert sorted((one.rule, one.camera_id) for one in opened) == [
        ("forbidden room at night", "room4"),
        ("loitering", "room3"),
    ]
    # The other jacket makes a person more, who is no alert.
    assert known == 13
    loitering = next(one for one in opened if one.rule == "loitering")
    assert loitering.evidence.measured is not None and 90_000 <= loitering.evidence.measured < 92_000


def test_by_day_the_room_is_not_forbidden() -> None:
    made, _ = alerts(UNUSUAL, DAY)
    assert [one.rule for one in made if isinstance(one, AlertOpened)] == ["loitering"]


@pytest.mark.parametrize("seed", [0, 3])
def test_on_an_ordinary_site_nothing_is_told(seed: int) -> None:
    made, known = alerts(Scenario(), DAY, seed)
    assert made == [] and known == 12
