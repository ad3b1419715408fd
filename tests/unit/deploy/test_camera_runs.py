"""Whether two processes send as one camera, as `saferoom doctor` judges it."""

import pytest

from deploy.camera_runs import check_cameras, judged
from reid.contracts.detections import CameraStatus
from reid.runtime.doctor import Check
from reid.runtime.settings import Settings

NOW = 1_800_000_000_000


def reports(camera: str, sessions: str, before_s: int = 0) -> list[CameraStatus]:
    """One a second, the last of them so long before now."""
    first = NOW - 1000 * (len(sessions) - 1 + before_s)
    return [
        CameraStatus(
            site_id="global",
            camera_id=camera,
            session=session,
            reported_at=first + 1000 * n,
            state="streaming",
        )
        for n, session in enumerate(sessions)
    ]


def test_two_processes_that_sent_as_one_camera_were_told_by_nobody() -> None:
    check = judged([*reports("room1", "ababab"), *reports("room2", "aaaa")], NOW)
    assert (check.ok, check.detail) == (False, "sent by two processes at once: room1 of global")
    assert "--camera-id" in check.remedy


@pytest.mark.parametrize("sessions", ["aaaa", "aabb", "abcd"])
def test_a_camera_that_starts_anew_is_one(sessions: str) -> None:
    check = judged(reports("room1", sessions), NOW)
    assert (check.ok, check.detail) == (True, "1 camera reported in the last minute, each from one process")


def test_what_was_ended_since_is_told_no_more() -> None:
    assert judged([*reports("room1", "abab", before_s=90), *reports("room1", "aaa")], NOW).ok
    assert judged([], NOW).detail == "none reported in the last minute"


def test_without_topics_nothing_is_read() -> None:
    assert not check_cameras(Settings(), Check("Topics", False, "away"), NOW).ok
