"""One of the other processes of `projections.sharing`: job and shares come in, what it did goes out.

It ends when its input does: whoever started it is done with it, or is no more.
"""

import os
import pickle
import signal
import sys
import threading
from queue import SimpleQueue
from typing import IO

from projections.filling import uncollected
from projections.rebuild import fold_share
from projections.sharing import Ended, Job, Share
from reid.errors import ReidError
from reid.runtime import kafka


def main() -> None:
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(asked: IO[bytes], out: IO[bytes]) -> None:
    """Until nothing more is asked, which ends the process."""
    # Who is interrupted is the one that started it, and it ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        job: Job = pickle.load(asked)
    except EOFError:
        return
    shares: SimpleQueue[Share] = SimpleQueue()
    threading.Thread(target=_listen, args=(asked, shares), daemon=True).start()
    consumer = kafka.reader(job.bootstrap)

    def say(what: object) -> None:
        pickle.dump(what, out)
        out.flush()

    with uncollected():
        while True:
            share = shares.get()
            try:
                fold_share(consumer, job, share, say)
            except ReidError as error:
                say(error)
            else:
                say(Ended(share))


def _listen(asked: IO[bytes], shares: "SimpleQueue[Share]") -> None:
    try:
        while True:
            shares.put(pickle.load(asked))
    except EOFError:
        # Nothing of it is half done that anybody reads: the database is emptied, or its shares have ended.
        os._exit(0)


if __name__ == "__main__":
    main()
