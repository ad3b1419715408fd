"""``saferoom verify`` as a process of its own: what it found, and what it needed for that."""

import json
import subprocess
import sys
from contextlib import suppress
from typing import Any, Final

import psutil

from benchmarks.chaos.system import System

_WAIT_S: Final = 30
#: A million frames take some minutes on a busy machine.
_WITHIN_S: Final = 1800.0


def run(system: System) -> dict[str, Any]:
    """What ``--json`` holds, with ``peak_mib`` (resident) and ``cpu_seconds`` of the process.

    The system is kept alive meanwhile. Raises `RuntimeError` when the verifier itself failed.
    """
    result = system.settings.home / "verify.json"
    command = [sys.executable, "-P", "-m", "deploy.cli", "verify", f"--wait={_WAIT_S}", f"--json={result}"]
    result.unlink(missing_ok=True)
    process = subprocess.Popen(command, env=system.environment())
    seen, peak, cpu_s = psutil.Process(process.pid), 0, 0.0

    def ended() -> bool:
        nonlocal peak, cpu_s
        with suppress(psutil.NoSuchProcess):
            # A process that has ended but was not waited for yet has no memory left.
            peak, used = max(peak, seen.memory_info().rss), seen.cpu_times()
            cpu_s = max(cpu_s, used.user + used.system)
        return process.poll() is not None

    try:
        if not system.live(_WITHIN_S, ended):
            raise RuntimeError(f"saferoom verify did not end within {_WITHIN_S:.0f} s")
    finally:
        process.kill()
        process.wait()
    if process.returncode not in (0, 1, 2) or not result.exists():
        raise RuntimeError(f"saferoom verify ended with exit code {process.returncode}: see above")
    said: dict[str, Any] = json.loads(result.read_text())
    return said | {"peak_mib": round(peak / 2**20, 1), "cpu_seconds": round(cpu_s, 1)}
