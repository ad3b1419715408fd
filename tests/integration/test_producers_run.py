"""The whole camera process, on a real Kafka."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from producers.run import CameraSpec, run
from reid.contracts.codec import decode_detections, decode_status
from reid.contracts.detections import CameraStatus, Frame
from reid.contracts.topics import CAMERAS, DETECTIONS
from reid.errors import ConfigError
from reid.runtime.kafka import reader
from reid.runtime.ready import read_ready, ready_file
from reid.runtime.settings import Settings

pytestmark = pytest.mark.integration


def published(bootstrap: str) -> tuple[list[Frame], dict[str, list[CameraStatus]]]:
    """All frames, and each camera's reports."""
    consumer = reader(bootstrap)
    places = [TopicPartition(DETECTIONS.name, number, 0) for number in range(4)]
    consumer.assign([*places, TopicPartition(CAMERAS.name, 0, 0)])
    frames: list[Frame] = []
    reports: dict[str, list[CameraStatus]] = {}
    ended = 0
    deadline = time.monotonic() + 120
    while ended < 5 and time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            ended += 1
        elif message.topic() == CAMERAS.name:
            status = decode_status(message.value() or b"")
            reports.setdefault(status.camera_id, []).append(status)
        else:
            frames += decode_detections(message.value() or b"").frames
    consumer.close()
    return frames, reports


def streams(bootstrap: str) -> bool:
    """Whether room1 reports, within a while, that Kafka has frames of it: rendering a room takes seconds."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if any(
            s.state == "streaming" and s.frames_published for s in published(bootstrap)[1].get("room1", [])
        ):
            return True
        time.sleep(0.5)
    return False


def sim(camera: int, seconds: float) -> CameraSpec:
    return CameraSpec(f"room{camera}", f"sim://?people=6&camera={camera}&until={seconds}", realtime=False)


def test_cameras_publish_and_one_that_cannot_be_read_stops_none(topics: str, settings: Settings) -> None:
    chosen = settings.model_copy(update={"detector": "truth"})
    run([sim(1, 8), sim(2, 8), CameraSpec("room3", "gone.mp4")], chosen)
    frames, reports = published(topics)
    assert {f.camera_id for f in frames} == {"room1", "room2"}
    assert sum(len(f.persons) for f in frames) > 30
    assert any(p.embedding for f in frames for p in f.persons)
    last = {camera: statuses[-1] for camera, statuses in reports.items()}
    assert last["room3"].state == "failed"
    assert "gone.mp4: no such file" in last["room3"].detail
    assert last["room1"].state == "ended"
    assert last["room1"].frames_captured == 40
    assert last["room1"].embedder == "stripenet-512"
    for camera in ("room1", "room2"):
        mine = [f for f in frames if f.camera_id == camera]
        assert [f.captured_at for f in mine] == sorted({f.captured_at for f in mine})
        assert {f.session for f in mine} == {last[camera].session}


def test_when_no_camera_works_the_process_says_so(topics: str, settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"no camera works: source gone\.mp4"):
        run([CameraSpec("room1", "gone.mp4")], settings)
    assert not ready_file(settings, "cameras").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"embedder": "gone.onnx"}, "SAFEROOM_EMBEDDER"), ({"detector": "gone.onnx"}, "SAFEROOM_DETECTOR")],
)
def test_a_missing_model_is_told_before_anything_starts(
    settings: Settings, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        run([sim(1, 1)], settings.model_copy(update=changes))


def test_two_cameras_of_one_name_are_refused(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="id of its own"):
        run([sim(1, 1), sim(1, 1)], settings)


def test_it_is_ready_while_it_runs_and_stops_when_told(topics: str, settings: Settings) -> None:
    stop = threading.Event()
    spec = CameraSpec("room1", "sim://?people=4&camera=1")
    chosen = settings.model_copy(update={"detector": "truth"})
    thread = threading.Thread(target=run, args=([spec], chosen), kwargs={"stop": stop})
    thread.start()
    streaming = streams(topics)
    facts = read_ready(settings, "cameras")
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert facts is not None
    assert facts["cameras"] == ["room1"]
    assert read_ready(settings, "cameras") is None
    assert streaming


CHILD = """
import logging, sys
from producers.run import CameraSpec, run
from reid.runtime.settings import Settings
logging.basicConfig(level="INFO")
cameras = [CameraSpec("room1", "sim://?people=4&camera=1")]
cameras += [CameraSpec(f"room{number}", source) for number, source in enumerate(sys.argv[1:], 2)]
run(cameras, Settings())
"""


def ended_by(number: signal.Signals, topics: str, settings: Settings, log: Path, *sources: str) -> float:
    """Seconds that a process of a simulated room1, and of these sources, takes to end by a signal."""
    environment = os.environ | {
        "SAFEROOM_HOME": str(settings.home),
        "KAFKA_BOOTSTRAP_SERVERS": topics,
        "SAFEROOM_DETECTOR": "truth",
    }
    command = [sys.executable, "-c", CHILD, *sources]
    with log.open("w") as errors, subprocess.Popen(command, env=environment, stderr=errors) as child:
        assert streams(topics), log.read_text()
        assert read_ready(settings, "cameras") is not None
        child.send_signal(number)
        began = time.monotonic()
        assert child.wait(20) == 0, log.read_text()
        took = time.monotonic() - began
    assert not ready_file(settings, "cameras").exists()
    return took


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_within_five_seconds(
    topics: str, settings: Settings, number: signal.Signals, tmp_path: Path
) -> None:
    log = tmp_path / "log.txt"
    took = ended_by(number, topics, settings, log, "http://127.0.0.1:9/x")
    assert took < 5, log.read_text()
    reports = published(topics)[1]
    assert reports["room1"][-1].frames_published > 0
    assert "reconnecting" in {status.state for status in reports["room2"]}


def test_the_end_waited_for_each_camera_that_took_the_call_and_never_answered(
    topics: str, settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "log.txt"
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        address = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/x"
        took = ended_by(signal.SIGTERM, topics, settings, log, *[address] * 6)
    assert took < 5, log.read_text()
    reports = published(topics)[1]
    assert {reports[f"room{number}"][-1].state for number in range(2, 8)} == {"ended"}
