"""A child process: its log, its end, its independence of our terminal."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from reid.errors import ConfigError
from reid.runtime.servers import child as child_module
from reid.runtime.servers.child import Child


def _python(code: str, log: Path) -> Child:
    child = Child([sys.executable, "-u", "-c", code], log, dict(os.environ))
    child.start()
    return child


def _ended(child: Child) -> int | None:
    deadline = time.monotonic() + 10
    while child.exit_code is None and time.monotonic() < deadline:
        time.sleep(0.01)
    return child.exit_code


def test_its_output_is_its_log_and_the_tail_of_an_error(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "x.log"
    child = _python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)", log)
    assert _ended(child) == 7
    assert child.tail() == "out\nerr"
    assert log.read_text() == "out\nerr\n"


def test_a_java_stack_does_not_push_out_what_it_is_about(tmp_path: Path) -> None:
    child = _python("print('No space left'); [print('\\tat x.y.Z') for _ in range(99)]", tmp_path / "x.log")
    _ended(child)
    assert child.tail() == "No space left"


def test_its_log_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "_LOG_BYTES", 10_000)
    child = _python("[print('x' * 99) for _ in range(2000)]", tmp_path / "x.log")
    assert _ended(child) == 0
    child.tail()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 20_000


def test_sigterm_first_and_kill_only_when_it_does_not_listen(tmp_path: Path) -> None:
    polite = _python("import time; print('up'); time.sleep(60)", tmp_path / "a.log")
    assert polite.stop(10)
    assert polite.exit_code == -signal.SIGTERM
    assert polite.stop(10), "idempotent"

    deaf = _python(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)",
        tmp_path / "b.log",
    )
    while "up" not in deaf.tail():
        time.sleep(0.01)
    assert not deaf.stop(0.1)
    assert deaf.exit_code == -signal.SIGKILL


def test_the_terminals_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    child = _python("import time; time.sleep(60)", tmp_path / "x.log")
    assert os.getpgid(child.pid) != os.getpgid(0)
    assert os.getsid(child.pid) != os.getsid(0)
    child.stop(10)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    child = Child([str(tmp_path / "absent")], tmp_path / "x.log", dict(os.environ))
    with pytest.raises(ConfigError, match=r"can't start .*absent: no such program"):
        child.start()
    assert child.stop(1)


def test_a_log_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "x.log").mkdir()
    with pytest.raises(ConfigError, match=r"can't start .*Is a directory"):
        Child([sys.executable], tmp_path / "x.log", {}).start()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_a_full_disk_loses_its_log_and_not_the_child(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "x.log"
    log.symlink_to("/dev/full")
    child = _python("[print('x' * 99) for _ in range(5000)]", log)
    assert _ended(child) == 0
    child.tail()
    assert [record.message for record in caplog.records if "its lines are lost" in record.message] != []
    assert len(caplog.records) == 1
