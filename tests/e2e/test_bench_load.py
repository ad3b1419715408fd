"""`saferoom bench load` as an operator runs it: cameras that do not exist, everything behind them real."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_demo import home  # noqa: F401 the fixture: a state directory of its own

pytestmark = pytest.mark.e2e


def test_a_small_load_is_carried_and_told(home: Path, kafka: str, redis_url: str, tmp_path: Path) -> None:  # noqa: F811
    told = tmp_path / "load.json"
    ran = subprocess.run(
        [
            sys.executable, "-m", "deploy.cli", "bench", "load", "--cameras", "2", "--people", "3",
            "--dwell", "3", "--fps", "5", "--duration", "8", "--warmup", "3", "--json", told,
            "--home", home, "--kafka", kafka, "--redis", redis_url,
        ],
        capture_output=True, text=True, timeout=150, check=False, env=os.environ,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = json.loads(told.read_text())
    assert found["drained"] and found["failed"] == 0
    assert found["frames"] == pytest.approx(10, rel=0.2)
    assert found["published"] == pytest.approx(10, rel=0.2)
    assert found["named"] > 0 and found["to_label"]["count"] > 0
    # Two readers tell of the same: a label may be here a little before the log's reader has its event.
    assert 0 < found["to_log"]["p50"] < found["to_label"]["p50"] + 100 < 5_000
    assert {"worker", "projector", "api", "generator"} <= found["cpu"].keys()
    assert "capture → label on the WebSocket" in ran.stdout


def test_a_system_that_runs_elsewhere_needs_its_kafka_named(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "bench", "load", "--api", "http://127.0.0.1:9",
         "--home", tmp_path],
        capture_output=True, text=True, timeout=60, check=False,
        env={k: v for k, v in os.environ.items() if k != "KAFKA_BOOTSTRAP_SERVERS"},
    )  # fmt: skip
    assert ran.returncode == 2
    assert "--kafka" in ran.stderr
