"""The last camera of a site stops, on a real broker."""

import signal
import time

import pytest

from reid.contracts.codec import decode_event
from reid.contracts.events import PersonLeft
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import COMMANDS, DETECTIONS
from reid.domain.evolve import evolve
from reid.domain.state import PartitionState
from reid.runtime.settings import Settings
from tests.integration.identity_worker import Walk, decide_anew, log_of, read_all, send, until, worker

pytestmark = pytest.mark.integration

SITE = "global"
QUICK = {"SAFEROOM_TRACK_TIMEOUT": "1", "SAFEROOM_SEEN_INTERVAL": "0.3"}


@pytest.mark.parametrize("ended", ["the cameras alone", "the worker with them"])
def test_whoever_was_in_view_when_the_last_camera_stopped_leaves(
    topics: str, settings: Settings, ended: str
) -> None:
    """They were in view for ever, for absences were decided on frames alone. Ticks are in the log: decided
    anew, it is the same."""
    settings = settings.model_copy(update={"track_timeout": 1.0, "seen_interval": 0.3})
    home, walk = partition_of(SITE.encode(), settings.partitions), Walk(SITE)

    def in_view() -> int:
        state = PartitionState()
        for record in log_of(topics, home):
            evolve(state, decode_event(record.value))
        return sum(len(camera.bound) for camera in state.site(SITE).cameras.values())

    with worker(settings, **QUICK) as running:
        send(topics, [(DETECTIONS.name, SITE, walk.message(10)) for _ in range(8)])
        until(lambda: in_view() == 4, "four in view")
        if ended == "the worker with them":
            running.end(signal.SIGKILL)
        else:
            until(lambda: in_view() == 0, "nobody in view")
    with worker(settings, **QUICK):
        until(lambda: in_view() == 0, "nobody in view")
        asked = len(read_all(topics, COMMANDS.name, home))
        time.sleep(8.0)
        assert len(read_all(topics, COMMANDS.name, home)) == asked, "a tick for nobody"
    log = log_of(topics, home)
    kinds = [type(decode_event(record.value)) for record in log]
    assert kinds.count(PersonLeft) == 4
    assert decide_anew(settings, topics, home, settings.partitions) == log
