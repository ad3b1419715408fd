"""Models measured side by side, each in a process of its own."""

import os

from producers.models.bench import _Worker


def test_ctrl_c_left_a_stack_trace_of_every_model() -> None:
    """The terminal sends it to all processes of the session: the workers' is another one."""
    worker = _Worker.start("appearance-512")
    try:
        assert os.getsid(worker.process.pid) != os.getsid(0)
    finally:
        worker.process.kill()
        worker.stop()
