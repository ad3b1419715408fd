"""Processes that wait to be asked, and end when nobody asks."""

import subprocess
import sys
import threading
from typing import Any

import pytest

#: In a process of its own: this one has threads of others.
ALONE = """
import os, pickle, sys
from projections import helpers as made

def heard(asked, told):
    while True:
        try:
            pickle.dump(("heard", pickle.load(asked)), told)
        except EOFError:
            return
        told.flush()

made.serve = heard
with made.helpers(3) as waiting:
    taken, left = waiting.pop(), list(waiting)
    pickle.dump("a job", taken.stdin)
    taken.stdin.flush()
    print(pickle.load(taken.stdout))
    ids = [helper.pid for helper in (taken, *left)]
    print(all(os.path.exists(f"/proc/{pid}") for pid in ids), len(set(ids)))
print([helper.wait(0) for helper in left])
taken.stdin.close()
print(taken.wait(5))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")
def test_each_ends_when_nobody_asks_it_any_more() -> None:
    """One that was forked after another holds the other's input, unless it lets go of it."""
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=30)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["('heard', 'a job')", "True 3", "[0, 0]", "0"]


@pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")
def test_one_that_fails_ends_with_an_error_and_not_in_its_callers_code() -> None:
    fails = """
from projections import helpers as made
def broken(asked, told):
    raise SystemExit("not in this process")
made.serve = broken
with made.helpers(1) as waiting:
    print(waiting[0].wait(5))
print("once")
"""
    done = subprocess.run([sys.executable, "-c", fails], capture_output=True, text=True, timeout=30)
    assert done.stdout.splitlines() == ["1", "once"]


def test_a_process_with_other_threads_has_none() -> None:
    from projections.helpers import helpers

    stop: Any = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with helpers(2) as waiting:
            assert waiting == []
    finally:
        stop.set()
        thread.join()
