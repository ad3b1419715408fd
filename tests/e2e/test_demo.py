"""`saferoom demo` and `saferoom up` as an operator runs them: whole processes, real servers."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from reid.runtime.servers.jars import fetch, kafka_version, locked

pytestmark = pytest.mark.e2e

STARTED_WITHIN_S = 150
ENDED_WITHIN_S = 10.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, kafka_jars: Path) -> Iterator[Path]:
    """A state directory with the jars linked in. Afterwards no process may be left that works in it."""
    home = tmp_path_factory.mktemp("saferoom-home")
    fetch(locked(), kafka_jars)
    (home / "kafka").mkdir()
    (home / "kafka" / f"jars-{kafka_version(locked())}").symlink_to(kafka_jars)
    yield home
    left = processes_of(home)
    for process in left:
        process.kill()
    assert left == []


def processes_of(home: Path) -> list[psutil.Process]:
    """Those that name it on their command line, or work in it (Redis overwrites its command line)."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue  # dead; whoever adopted it has not looked yet
            places = [process.environ().get("SAFEROOM_HOME", ""), process.cwd(), *process.cmdline()]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(home) in place for place in places):
            found.append(process)
    return found


def start(home: Path, log: Path, *arguments: object) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", *map(str, arguments), "--home", str(home)],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def until(condition: Callable[[], Any], within: float, process: "subprocess.Popen[bytes]", log: Path) -> Any:
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return found


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def demo(home: Path, folder: Path, name: str) -> tuple[dict[str, Any], str]:
    """A run of 25 s. Returns its JSON and what it printed."""
    log, found = folder / f"{name}.log", folder / f"{name}.json"
    process = start(
        home,
        log,
        *("demo", "--duration", 25, "--score", "--json", found, "--no-live", "--detector", "truth"),
        *("--port", 0, "--people", 6),
    )
    try:
        until(lambda: "Try:" in log.read_text(), STARTED_WITHIN_S, process, log)
        for line in log.read_text().splitlines():
            if line.startswith("  curl "):
                result = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
                assert result.returncode == 0 and "curl" not in result.stderr, (line, result)
        assert process.wait(STARTED_WITHIN_S) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return json.loads(found.read_text()), log.read_text()


@pytest.fixture(scope="module")
def runs(home: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict[str, Any], str]]:
    """Two demos, one after the other, of the same site."""
    folder = tmp_path_factory.mktemp("demo")
    found = []
    for name in ("first", "second"):
        found.append(demo(home, folder, name))
        assert processes_of(home) == []
        assert not (home / "run" / "endpoints.json").exists()
    return found


def persons(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (answer,) = (value for url, value in document["answers"].items() if url.endswith("/persons"))
    return {person["person_id"]: person for person in answer["persons"]}


def test_every_stage_counted_and_nothing_was_lost_between_them(
    runs: list[tuple[dict[str, Any], str]],
) -> None:
    for document, _ in runs:
        cameras = document["cameras"]
        assert [camera["camera_id"] for camera in cameras] == ["room1", "room2", "room3", "room4"]
        assert all(camera["frames_captured"] > 0 and camera["publish_failed"] == 0 for camera in cameras)
        captured = document["frames"]["captured"]
        assert 0 < document["frames"]["published"] <= document["detections"]["frames"] <= captured
        assert document["detections"]["boxes"] > 0
        events = document["events"]["by_type"]
        assert events["reid.person.seen.v1"] > 0 and events["reid.track.sampled.v1"] > 0
        assert document["lag"]["agent_settled"] == 0 and document["lag"]["view_settled"] == 0
        assert document["newest_label_age_s"] < 10
        assert set(document["ids_given"]) <= set(persons(document))
        assert document["restarts"] == {}
        ours = {"saferoom", "worker", "projector", "past", "embedder", "api", "alerts", "cameras"}
        parts = {*ours, "redis", "kafka", "total", "peak_total"}
        assert document["memory_bytes"].keys() == parts
        assert document["memory_bytes"]["peak_total"] < 1.5e9
        assert document["memory_bytes"]["kafka"] < 450e6


def test_the_score_counts_the_true_people(runs: list[tuple[dict[str, Any], str]]) -> None:
    for document, printed in runs:
        score = document["score"]
        assert 0 < score["true_people"] <= 6
        assert score["ids_given"] == len(score["persons_of"]) > 0
        assert score["frames"] == document["detections"]["frames"]
        # The truth's own boxes, at the truth's own time: what was published is found again.
        assert score["matched"] >= 0.95 * score["detections"] > 0
        assert 0 < score["labelled"] <= score["matched"]
        assert "ids per true person" in printed and "persons per id" in printed


def test_a_second_start_reuses_the_data_and_keeps_everybodys_ids(
    runs: list[tuple[dict[str, Any], str]], home: Path, up: "subprocess.Popen[bytes]"
) -> None:
    assert up.poll() is None
    (first, _), (second, _) = runs
    before, after = persons(first), persons(second)
    # Two ids may turn out to be one person while the second run looks on; nobody goes in another way.
    gone = before.keys() - after.keys()
    events = cli(home, "events", "tail", "--from-beginning", "--json").stdout.splitlines()
    told = [json.loads(event)["data"] for event in events]
    assert told and gone <= {event.get("absorbed_id") for event in told} and gone < before.keys()
    kept = before.keys() - gone
    assert {i: before[i]["label"] for i in kept} == {i: after[i]["label"] for i in kept}
    known = set(second["ids_given"]) & set(first["ids_given"])
    assert known and not known & set(second["ids_registered"])


@pytest.fixture(scope="module")
def up(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.Popen[bytes]"]:
    log = tmp_path_factory.mktemp("up") / "up.log"
    process = start(home, log, "up", "--port", 0)
    until((home / "run" / "endpoints.json").exists, STARTED_WITHIN_S, process, log)
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()


def cli(home: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *map(str, arguments), "--home", str(home)],
        capture_output=True,
        text=True,
        timeout=180,
    )


@pytest.mark.usefixtures("runs")
def test_the_tools_find_a_running_stack(home: Path, up: "subprocess.Popen[bytes]") -> None:
    endpoints = json.loads((home / "run" / "endpoints.json").read_text())
    assert endpoints.keys() == {"kafka", "redis", "api"}
    assert get(f"{endpoints['api']}/persons")["total"] > 0
    listed = cli(home, "topics", "list")
    assert listed.returncode == 0 and "reid.events.v1" in listed.stdout and "missing" not in listed.stdout
    tail = cli(home, "events", "tail", "--limit", 5, "--json")
    lines = [json.loads(line) for line in tail.stdout.splitlines()]
    assert len(lines) == 5 and all(line["ce_causation"].startswith("reid.detections.v1/") for line in lines)
    first = cli(home, "events", "tail", "--from-beginning", "--limit", 3)
    assert [line.split()[2] for line in first.stdout.splitlines()] == [
        "reid.policy.adopted.v3",
        "reid.track.sampled.v1",
        "reid.track.sampled.v1",
    ]
    checked = cli(home, "doctor")
    assert checked.returncode == 0, checked.stdout
    refused = cli(home, "up", "--port", 0)
    assert refused.returncode == 2 and "already in use" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_killed_servers_come_back_at_the_same_address(home: Path, up: "subprocess.Popen[bytes]") -> None:
    before = (home / "run" / "endpoints.json").read_text()
    api = json.loads(before)["api"]
    for server in ("redis", "kafka"):
        pid = json.loads((home / server / "server.pid").read_text())["pid"]
        os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        try:
            return bool(get(f"{api}/readyz"))
        except OSError:
            return False

    deadline = time.monotonic() + 120
    time.sleep(1.0)
    while not back():
        assert up.poll() is None and time.monotonic() < deadline
        time.sleep(0.2)
    assert (home / "run" / "endpoints.json").read_text() == before


def test_ctrl_c_ends_everything_in_time(home: Path, up: "subprocess.Popen[bytes]") -> None:
    assert len(processes_of(home)) >= 6
    began = time.monotonic()
    up.send_signal(signal.SIGINT)
    assert up.wait(ENDED_WITHIN_S) == 0
    assert time.monotonic() - began < ENDED_WITHIN_S
    assert processes_of(home) == []
    assert not (home / "run" / "endpoints.json").exists()
    assert list((home / "run").glob("*.ready")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the parent-death signal")
def test_a_killed_supervisor_leaves_no_process_and_no_lock(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "up.log"
    process = start(home, log, "up", "--port", 0)
    until((home / "run" / "endpoints.json").exists, STARTED_WITHIN_S, process, log)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 15
    while processes_of(home):
        assert time.monotonic() < deadline, processes_of(home)
        time.sleep(0.1)
    again = start(home, log, "up", "--port", 0)
    until(lambda: "Ctrl-C ends everything" in log.read_text(), STARTED_WITHIN_S, again, log)
    again.send_signal(signal.SIGTERM)
    assert again.wait(ENDED_WITHIN_S) == 0
    assert processes_of(home) == []
