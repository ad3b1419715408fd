"""Whole processes killed and frozen at random; the verifier decides. `make chaos` is the long one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos.takeover import SOONEST_S

ROOT = Path(__file__).parents[2]


def chaos(tmp_path: Path, *arguments: str, timeout_s: float) -> dict[str, Any]:
    """The result. Fails, with what was printed last, when the run did not pass."""
    result = tmp_path / "chaos.json"
    command = [sys.executable, "-m", "benchmarks.chaos", *arguments, "--json", str(result)]
    own = {k: v for k, v in os.environ.items() if not k.startswith("SAFEROOM_")}
    done = subprocess.run(
        command, cwd=ROOT, env=own, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    said: dict[str, Any] = json.loads(result.read_text())
    return said


@pytest.mark.e2e
def test_each_part_killed_once_and_a_frozen_writer(tmp_path: Path) -> None:
    """The seed draws all six kinds of parts while nobody is still away from the blow before."""
    arguments = ("--frames", "6000", "--kills", "6", "--freezes", "1", "--pace", "0.5", "--seed", "928")
    said = chaos(tmp_path, *arguments, timeout_s=240)
    assert said["frames_verified"] >= 6_000
    assert sum(said["kills"].values()) == 6
    assert said["takeovers"] == 1
    assert min(said["takeover_seconds"]) >= SOONEST_S
    assert said["verify"]["clean"]
    assert said["verify"]["peak_mib"] > 0


@pytest.mark.e2e
def test_the_broker_is_away_for_a_while(tmp_path: Path) -> None:
    said = chaos(tmp_path, "--scenario", "broker-away", "--seconds", "8", "--after", "10", timeout_s=180)
    assert said["frames_acknowledged"] > 0
    assert said["recovered_seconds"] < 30


@pytest.mark.slow
@pytest.mark.e2e
def test_thirty_kills_over_a_hundred_thousand_frames(tmp_path: Path) -> None:
    said = chaos(tmp_path, "--frames", "100000", "--kills", "30", "--pace", "3", timeout_s=900)
    assert sum(said["kills"].values()) == 30
    assert said["takeovers"] == 10
    assert min(said["takeover_seconds"]) >= SOONEST_S
