"""``saferoom calibration show`` on a real log."""

import json

import msgspec
import pytest
from typer.testing import CliRunner

from deploy.cli import app
from reid.contracts.codec import encode
from reid.contracts.topics import CAMERAS
from reid.domain.policy import Policy
from tests.integration.event_log import EventLog
from tests.integration.identity_worker import send
from tests.unit.domain.crowds import told
from tests.unit.domain.story import MODEL
from tests.unit.projections.story import status

pytestmark = pytest.mark.integration


def test_a_site_tells_what_it_has_learned_now_and_as_of_then(topics: str) -> None:
    story = told(Policy(), tracks=20)
    EventLog(topics).write(*story.log)
    knots = ((0.1, 0.0), (0.5, 0.6), (0.9, 1.0))
    report = msgspec.structs.replace(
        status("room1"),
        model=msgspec.structs.replace(MODEL, calibration=knots, agreement=0.87),
        site_id="global",
    )
    send(topics, [(CAMERAS.name, "global/room1", encode(report))])

    def shown(*more: str) -> str:
        done = CliRunner().invoke(app, ["calibration", "show", "--kafka", topics, *more])
        assert done.exit_code == 0, done.output
        return done.output

    found = json.loads(shown("--json"))
    assert (found["events"], found["persons"]) == (len(story.log), len(story.site.persons))
    assert found["encoders"][0]["calibration"] == [list(knot) for knot in knots]
    assert found["encoders"][0]["agreement"] == 0.87
    assert {clock["camera_id"] for clock in found["clocks"]} == {"room1", "room2", "room3"}
    half = story.log[len(story.log) // 2].at
    then = json.loads(shown("--json", "--at", str(half)))
    assert then["at"] <= half < found["at"] and 0 < len(then["steps"]) < len(found["steps"])
    assert "Strangers at this site" in shown()
    refused = CliRunner().invoke(app, ["calibration", "show", "--kafka", topics, "--site", "nowhere"])
    assert refused.exit_code != 0 and "no event of site nowhere" in str(refused.exception)
