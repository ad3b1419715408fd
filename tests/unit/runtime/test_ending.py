"""Asked to end, a process ends: by a thread that waits for nobody."""

import subprocess
import sys
import threading

import pytest

from reid.runtime.ending import Ending


def test_it_ends_the_process_so_long_after_it_was_asked_to_and_not_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked, ended = threading.Event(), threading.Event()
    codes: list[int] = []
    code = 0

    def end(found: int) -> None:
        codes.append(found)
        ended.set()

    Ending(asked, 0.01, lambda: code, end).start()
    assert not ended.wait(0.03)
    code = 3
    asked.set()
    assert ended.wait(5.0)
    assert codes == [3], "the code that holds at the end"
    assert "not ended within 0.0 s" in caplog.text


@pytest.mark.parametrize("end", ["leave(7)", "Ending(asked, 0.01, lambda: 7).start(); asked.set()"])
def test_neither_a_thread_nor_an_exit_handler_nor_a_destructor_holds_it_up(end: str) -> None:
    script = (
        "import atexit, threading\n"
        "from reid.runtime.ending import Ending, leave\n"
        "wait = threading.Event().wait\n"
        "class Client:\n    __del__ = lambda self: wait()\n"
        "client, asked = Client(), threading.Event()\n"
        "atexit.register(wait)\n"
        "threading.Thread(target=wait).start()\n"
        f"print('said')\n{end}\nwait()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (7, "said\n")
