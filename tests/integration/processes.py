"""Our processes as the supervisor starts them, for tests."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reid.runtime.ready import read_ready
from reid.runtime.settings import Settings

ROOT = Path(__file__).parents[2]


#: Bounds a hang, not a duration: a machine with other work takes its time to import a process.
STARTED_WITHIN_S = 90.0


class Process:
    """One process; ``facts``: what its readiness file says."""

    def __init__(self, child: "subprocess.Popen[str]", facts: dict[str, Any]) -> None:
        self.child, self.facts = child, facts

    def stop(self, seconds: float = 5.0) -> tuple[int, str]:
        """SIGTERM; the exit code and what it said on stderr. Fails when it does not end in time."""
        self.child.terminate()
        _, said = self.child.communicate(timeout=seconds)
        return self.child.returncode, said


@contextmanager
def process(module: str, name: str, settings: Settings, **environment: str) -> Iterator[Process]:
    """``module.run(Settings())`` until the block ends; waits until it is ready."""
    child = start(module, settings, **environment)
    try:
        deadline = time.monotonic() + STARTED_WITHIN_S
        while (facts := read_ready(settings, name)) is None:
            assert child.poll() is None, f"{module} ended: {child.communicate()[1]}"
            assert time.monotonic() < deadline, f"{module} did not get ready"
            time.sleep(0.02)
        yield Process(child, facts)
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()


def start(module: str, settings: Settings, **environment: str) -> "subprocess.Popen[str]":
    """Without waiting."""
    code = f"from {module} import run; from reid.runtime.settings import Settings; run(Settings())"
    own = {
        "SAFEROOM_HOME": str(settings.home),
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka(),
        "REDIS_URL": settings.redis(),
        "SAFEROOM_API_PORT": "0",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | own | environment,
        stderr=subprocess.PIPE,
        text=True,
    )
