"""A worker whose Python stands still, in a process of its own."""

import subprocess
import sys

FROZEN = """
import ctypes, threading
from streams.watchdog import Watchdog

class Probe:
    def backlog(self, partition):
        return {}

dog = Watchdog(Probe(), lambda: {0: 1}, 1, 0.3, look_s=0.3)
threading.Thread(target=dog.run, args=(threading.Event(), print), daemon=True).start()
# By PyDLL, a call keeps Python's lock: no thread, the watchdog's neither, gets on.
threading.Event().wait(0.5)
ctypes.PyDLL(None).sleep(20)
"""


def test_a_process_whose_python_is_frozen_ends_all_the_same() -> None:
    """A worker once stood still for two minutes, and its watchdog with it."""
    frozen = subprocess.run(
        [sys.executable, "-c", FROZEN], capture_output=True, text=True, timeout=15, check=False
    )
    assert frozen.returncode == 1
    assert "Timeout" in frozen.stderr
    assert "most recent call first" in frozen.stderr
