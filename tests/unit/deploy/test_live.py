"""What a demo tells in lines."""

from deploy.live import left_out, one_line
from deploy.snapshot import Snapshot
from reid.contracts.detections import CameraStatus


def camera(captured: int, dropped: int) -> CameraStatus:
    return CameraStatus(
        site_id="global",
        camera_id="room1",
        session="s",
        reported_at=0,
        state="streaming",
        frames_captured=captured,
        frames_dropped=dropped,
    )


def test_each_lag_is_named() -> None:
    line = one_line(Snapshot(cameras=(camera(9, 1),), agent_lag=1, view_lag=None), 12.3)
    assert line.startswith("   12 s  frames 9 (dropped 1)  events 0  persons 0  lag agent 1, view –  ")


def test_who_runs_a_demo_on_a_slow_machine_was_not_told_what_dropped_frames_cost() -> None:
    told = left_out(Snapshot(cameras=(camera(500, 200), camera(466, 237))))
    assert told is not None and told.startswith("437 of 966 frames were dropped: ") and "--fps" in told
    assert left_out(Snapshot(cameras=(camera(100, 10),))) is None
    assert left_out(Snapshot()) is None
