"""The process of `projections.renewal`: what to rebuild comes in, how it went goes out. Ends when its input
does."""

import _thread
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Final

from projections.databases import Claimed, Databases
from projections.dead_letters import lettered
from projections.helpers import helpers
from projections.rebuild import Rebuilt, rebuild
from projections.renewal import Done, Failed, Job
from projections.sharing import Helper
from reid.errors import ReidError, Unavailable
from reid.runtime import kafka

#: Behind whoever works live.
NICE: Final = 10
#: Seconds between two looks at another's rebuild, between two attempts, and between two words.
LOOK_S: Final = 1.0
AGAIN_S: Final = 5.0
TELL_S: Final = 30.0


def main() -> None:
    asked, out = sys.stdin.buffer, sys.stdout.buffer
    job: Job = pickle.load(asked)
    os.nice(NICE)

    def say(what: object) -> None:
        pickle.dump(what, out)
        out.flush()

    try:
        with helpers() as waiting:  # before there is any thread
            threading.Thread(target=_listen, args=(asked,), daemon=True).start()
            say(Done(renewed(job, say, waiting)))
    except ReidError as error:
        say(Failed(error, True))
    except KeyboardInterrupt:  # the projector ends: the second database is emptied
        pass
    # Not by way of the interpreter's end, which is fatal to it while the other thread reads.
    os._exit(0)


def renewed(job: Job, say: Callable[[object], None], waiting: list[Helper] | None = None) -> Rebuilt | None:
    """``waiting``: helpers that nobody took. None where somebody else rebuilt the views meanwhile. Raises
    what no waiting will mend."""
    databases, consumer = Databases(job.redis), kafka.reader(job.bootstrap)
    records, told = 0, time.monotonic()

    def progress(more: int) -> None:
        nonlocal records, told
        records += more
        if time.monotonic() - told > TELL_S:
            told = time.monotonic()
            say(records)

    try:
        while True:
            records = 0
            try:
                # What the live views left out has its letter, and stays out; anything else stops us.
                left_out = lettered(consumer)
                return rebuild(consumer, databases, job.views, left_out, progress, job.bootstrap, waiting)
            except Claimed:
                time.sleep(LOOK_S)
                if all(databases.live.form(view.name) == view.form for view in job.views):
                    return None
            except Unavailable as error:
                say(Failed(error, False))
                time.sleep(AGAIN_S)
    finally:
        consumer.close()
        databases.close()


def _listen(asked: IO[bytes]) -> None:
    with suppress(OSError, ValueError):
        asked.read()
    _thread.interrupt_main()


if __name__ == "__main__":
    main()
