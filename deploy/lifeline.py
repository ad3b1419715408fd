"""Runs a command so that it dies with its parent: ``python -m deploy.lifeline PARENT_PID COMMAND ...``.

The kernel's parent-death signal is set here and kept across ``exec``, so it works for any command, without
running Python code between fork and exec of a threaded supervisor. The signal is SIGKILL: when the
supervisor was killed, nobody is left who could follow up on a child that ignores SIGTERM, and every part
survives ``kill -9`` by design. Only Linux has it; elsewhere the command is run as it is.
"""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def lifeline(command: list[str]) -> list[str]:
    """``command``, wrapped so that it is killed when the calling *thread* ends."""
    return [sys.executable, "-P", "-m", "deploy.lifeline", str(os.getpid()), *command]


def die_with(parent_pid: int) -> None:
    """Asks the kernel to kill this process when its parent dies; exits if it is dead already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the call above: then this process has been handed to another.
    if os.getppid() != parent_pid:
        sys.exit(1)


if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
