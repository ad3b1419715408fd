"""The process that rebuilds the views ends as quietly as it works."""

import pickle
import subprocess
import sys

from projections.renewal import Done, Job

#: The process, without Kafka and Redis.
SCRIPT = """
from projections import renewal_process
renewal_process.renewed = lambda job, say, waiting: None
renewal_process.main()
"""


def test_it_ends_without_a_word_while_its_input_is_open() -> None:
    """A fatal error of Python, of the lock on its input, stood in the projector's log after each rebuild."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin and process.stdout and process.stderr
        pickle.dump(Job("nowhere:1", "redis://nowhere", []), process.stdin)
        process.stdin.flush()
        assert pickle.load(process.stdout) == Done(None)
        assert process.wait(30) == 0
        assert process.stderr.read() == b""
