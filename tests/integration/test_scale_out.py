"""Workers share partitions: one goes on within 15 s of the other's ``kill -9``, and nothing is wrong."""

import os
import signal
import time
from pathlib import Path

import pytest

from benchmarks.chaos.system import sites
from benchmarks.scale_out.fleet import Fleet
from benchmarks.scale_out.load import Load, messages
from benchmarks.scale_out.scenarios import FRAMES

pytestmark = pytest.mark.integration


def test_a_standby_decides_within_15_s_of_a_kill_and_the_verifier_is_clean(
    topics: str, tmp_path: Path
) -> None:
    running = Fleet(tmp_path, topics, 4, os.getpid())
    names = sites(4, 4)
    try:
        running.start(0, 1)
        assert sorted(len(running.facts(n)) for n in (0, 1)) == [2, 2]
        records = messages(names, 20, FRAMES, 2.0, round(time.time() * 1000) - 60_000)
        half = len(records) // 2
        load = Load(topics)
        load.burst(records[:half])
        running.until(lambda: sum(running.decided().values()) == half, 60, "the first half")

        left = running.facts(0)
        before = running.decided()
        running.signal(0, signal.SIGKILL)
        begun = time.monotonic()
        load.burst(records[half:])
        running.until(
            lambda: all(running.decided()[p] > before[p] for p in left), 60, "the other worker to go on"
        )
        assert time.monotonic() - begun < 15.0
        running.until(lambda: sum(running.decided().values()) == len(records), 60, "all to be decided")
        found = running.verify()
    finally:
        running.close()
    assert found["exit_code"] == 0, found
    assert found["frames"] == len(records) * FRAMES
