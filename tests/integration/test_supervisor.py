"""The supervisor, with tiny real processes."""

import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from deploy.child import ChildFailed, ProcessChild
from deploy.demo import Notices
from deploy.embedded import ServerChild
from deploy.supervisor import Interrupted, Supervisor
from reid.errors import ConfigError
from reid.runtime.servers import Progress

READY = (
    "import json,os,sys,time;p=sys.argv[1];"
    "open(p+'.t','w').write(json.dumps({'pid':os.getpid()}));os.replace(p+'.t',p);"
)
SERVE = READY + "time.sleep(60)"
STUBBORN = "import signal;signal.signal(signal.SIGTERM,signal.SIG_IGN);" + SERVE

ORDERED = (
    "import signal,sys,time;name=sys.argv[1].rsplit('/',1)[1].split('.')[0];"
    "write=lambda sign:open(ORDER,'a').write(sign+name+' ');"
    "write('+');signal.signal(signal.SIGTERM,lambda *_:(write('-'),sys.exit(0)));time.sleep(0.05);"
)


def child(home: Path, name: str, code: str = SERVE, **options: object) -> ProcessChild:
    ready = home / "run" / f"{name}.ready"
    return ProcessChild(
        name=name,
        command=[sys.executable, "-S", "-c", code, str(ready)],
        log_file=home / "logs" / f"{name}.log",
        ready_file=ready,
        **options,  # type: ignore[arg-type]
    )


def until(condition: Callable[[], bool], within: float = 10.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def alive(pid: int | None) -> bool:
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Told(list[str]):
    def __call__(self, line: str) -> None:
        self.append(line)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def supervisor(tmp_path: Path, told: Told) -> Iterator[Supervisor]:
    with Supervisor(
        tmp_path / "run", told, threading.Event(), backoff=(0.05, 0.1), stop_within_s=2
    ) as supervisor:
        yield supervisor


def test_each_serves_before_the_next_is_started_and_all_end_in_reverse(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    order = tmp_path / "order"
    code = ORDERED.replace("ORDER", repr(str(order))) + SERVE
    (tmp_path / "run").mkdir(exist_ok=True)
    first, second = child(tmp_path, "first", code), child(tmp_path, "second", code)
    supervisor.start(first)
    assert order.read_text() == "+first "
    supervisor.start(second)
    assert alive(first.pid()) and alive(second.pid())
    assert supervisor.stop() == []
    assert order.read_text() == "+first +second -second -first "


def test_a_child_has_its_own_process_group(supervisor: Supervisor, tmp_path: Path) -> None:
    part = child(tmp_path, "part")
    supervisor.start(part)
    assert os.getpgid(part.pid() or 0) == part.pid() != os.getpgid(0)


def test_a_child_that_ends_while_starting_is_told_with_its_last_lines(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    part = child(tmp_path, "part", "import sys;print('no such camera', file=sys.stderr);sys.exit(2)")
    with pytest.raises(
        ChildFailed, match=r"(?s)part ended with exit code 2; log: .*part\.log.*no such camera"
    ):
        supervisor.start(part)


def test_a_child_that_is_never_ready_is_told(supervisor: Supervisor, tmp_path: Path) -> None:
    part = child(tmp_path, "part", "import time;time.sleep(60)", ready_timeout=0.1)
    with pytest.raises(ChildFailed, match=r"(?s)part was not ready within 0 s; log: .*saferoom doctor"):
        supervisor.start(part)


def test_a_part_that_starts_slowly_on_a_busy_machine_is_waited_for_and_told(
    tmp_path: Path, told: Told
) -> None:
    """The worker of a demo took more than a minute on a machine with other work, and the demo gave up."""
    quick, slow = child(tmp_path, "quick"), child(tmp_path, "slow", "import time;time.sleep(1);" + SERVE)
    assert slow.ready_timeout > 60
    with Supervisor(tmp_path / "run", told, threading.Event(), still_every_s=0.3) as supervisor:
        supervisor.start(quick, slow)
    form = r"still waiting for (quick, )?slow: \d s, and the machine's processors are \d+ % busy"
    assert 1 <= len(told) <= 10
    assert all(re.fullmatch(form, line) for line in told), told
    assert "quick" not in told[-1]


def test_a_part_that_ends_while_it_is_waited_for_is_told_at_once(tmp_path: Path, told: Told) -> None:
    part = child(tmp_path, "part", "import sys,time;time.sleep(0.5);print('no disk');sys.exit(2)")
    began = time.monotonic()
    with (
        Supervisor(tmp_path / "run", told, threading.Event(), still_every_s=0.1) as supervisor,
        pytest.raises(ChildFailed, match=r"(?s)part ended with exit code 2; .*no disk"),
    ):
        supervisor.start(part)
    assert told and time.monotonic() - began < 30


def test_a_server_that_still_downloads_is_not_told_as_slow(tmp_path: Path, told: Told) -> None:
    """It has no process yet, and its bar is shown."""

    class Downloading:
        process: "subprocess.Popen[bytes] | None" = None

        @property
        def pid(self) -> int | None:
            return None if self.process is None else self.process.pid

        def start(self, progress: Progress | None = None) -> str:
            time.sleep(0.5)
            self.process = subprocess.Popen([sys.executable, "-S", "-c", "import time;time.sleep(60)"])
            return "127.0.0.1:1"

        def stop(self, timeout_s: float = 0) -> bool:
            if self.process is not None:
                self.process.kill()
                self.process.wait()
                self.process = None
            return True

    with Supervisor(tmp_path / "run", told, threading.Event(), still_every_s=0.1) as supervisor:
        supervisor.start(ServerChild("kafka", Downloading()))
    assert told == []


def test_a_server_that_ended_as_it_was_killed_ended_the_stop_of_all_others(tmp_path: Path) -> None:
    """Ctrl-C on a busy machine: a traceback, and whatever had started before it was not ended in order."""
    over = subprocess.Popen([sys.executable, "-S", "-c", ""])
    over.wait()

    class Ending:
        """Its process is gone; whoever stops it still looks for the rest of it."""

        pid: int | None = over.pid

        def start(self, progress: Progress | None = None) -> str:
            return ""

        def stop(self, timeout_s: float = 1) -> bool:
            return True

    server = ServerChild("kafka", Ending())
    server.kill()
    assert not server.gone(), "that is for its stop to say"


def test_the_start_is_told_on_a_terminal_before_its_screen_is_up() -> None:
    """A demo's lines were kept for the live screen, which comes when all has started."""
    shown = io.StringIO()
    notices = Notices(Console(file=shown, force_terminal=True))
    notices("still waiting for worker")
    assert "still waiting for worker" in shown.getvalue()
    notices.on_screen = True
    notices("worker is gone")
    assert "gone" not in shown.getvalue()
    assert list(notices.last) == ["still waiting for worker", "worker is gone"]


def test_a_stale_readiness_file_is_not_believed(supervisor: Supervisor, tmp_path: Path) -> None:
    part = child(tmp_path, "part", "import time;time.sleep(60)", ready_timeout=0.1)
    assert part.ready_file is not None
    part.ready_file.write_text('{"pid": 1}')
    with pytest.raises(ChildFailed):
        supervisor.start(part)


def test_a_dead_child_is_started_again_and_named(supervisor: Supervisor, tmp_path: Path, told: Told) -> None:
    part = child(tmp_path, "part")
    supervisor.start(part)
    before = part.pid()
    assert before is not None
    os.kill(before, signal.SIGKILL)

    def serves_again() -> bool:
        supervisor.check()
        return "part serves again" in told

    until(serves_again)
    assert part.pid() != before and alive(part.pid())
    assert told[0] == (
        f"part was killed by SIGKILL; log: {tmp_path}/logs/part.log; starting it again in 0.05 s"
    )
    assert supervisor.restarts == {"part": 1}


def test_a_child_that_keeps_dying_is_tried_ever_more_slowly(
    supervisor: Supervisor, tmp_path: Path, told: Told
) -> None:
    flag = tmp_path / "broken"
    part = child(tmp_path, "part", f"import os,sys;os.path.exists({str(flag)!r}) and sys.exit(3);" + SERVE)
    supervisor.start(part)
    flag.touch()
    os.kill(part.pid() or 0, signal.SIGTERM)

    def three_lines() -> bool:
        supervisor.check()
        return len(told) >= 3

    until(three_lines)
    assert [line.rpartition(" in ")[2] for line in told[:3]] == ["0.05 s", "0.1 s", "0.1 s"]
    assert "exit code 3" in told[1]
    flag.unlink()

    def serves() -> bool:
        supervisor.check()
        return told[-1] == "part serves again"

    until(serves)


def test_a_camera_at_its_end_is_left_alone(supervisor: Supervisor, tmp_path: Path, told: Told) -> None:
    part = child(tmp_path, "camera", READY, may_finish=True)
    supervisor.start(part)
    until(part.finished)
    supervisor.check()
    assert told == [] and supervisor.finished(part)


def test_stubborn_children_are_killed_in_time(tmp_path: Path, told: Told) -> None:
    parts = [child(tmp_path, f"part{n}", STUBBORN) for n in range(4)]
    with Supervisor(tmp_path / "run", told, threading.Event(), stop_within_s=0.6) as supervisor:
        supervisor.start(*parts)
        pids = [part.pid() for part in parts]
        began = time.monotonic()
        assert supervisor.stop() == ["part3", "part2", "part1", "part0"]
        # Not 0.6 s for each of the four.
        assert time.monotonic() - began < 1.8
    assert not any(alive(pid) for pid in pids)


def test_a_request_to_stop_ends_the_start(tmp_path: Path, told: Told) -> None:
    stopping = threading.Event()
    part = child(tmp_path, "part", "import time;time.sleep(60)")
    threading.Timer(0.05, stopping.set).start()
    with pytest.raises(Interrupted), Supervisor(tmp_path / "run", told, stopping) as supervisor:
        supervisor.start(part)
    assert not alive(part.pid())


def test_a_second_supervisor_is_refused(supervisor: Supervisor, tmp_path: Path, told: Told) -> None:
    with pytest.raises(ConfigError, match=f"already in use by process {os.getpid()}"):
        Supervisor(tmp_path / "run", told, threading.Event()).__enter__()


SUPERVISE = """
import sys, threading, time
from pathlib import Path
from deploy.child import ProcessChild
from deploy.supervisor import Supervisor
home = Path(sys.argv[1])
with Supervisor(home / "run", print, threading.Event()) as supervisor:
    part = ProcessChild("part", [sys.executable, "-S", "-c", "import time;time.sleep(60)"], home / "part.log")
    supervisor.start(part)
    print(part.pid(), flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the parent-death signal")
def test_no_child_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SUPERVISE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    until(lambda: not alive(pid), within=3)
    with Supervisor(tmp_path / "run", print, threading.Event()):
        pass  # and no lock is left
