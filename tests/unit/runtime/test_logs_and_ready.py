"""One line a record; deliberate errors without a traceback; readiness files that tell the truth."""

import io
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reid.errors import ConfigError
from reid.runtime import logs
from reid.runtime.ready import clear_ready, mark_ready, read_ready, ready_file
from reid.runtime.settings import Settings

MakeSettings = Callable[..., Settings]


@pytest.fixture
def configured(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Logging of a process called ``worker``; what it has written to stderr."""
    root = logging.getLogger()
    before = (root.level, sys.excepthook, threading.excepthook)
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure(make_settings(), "worker")
    (ours,) = root.handlers
    yield written.getvalue
    logging.captureWarnings(False)
    root.removeHandler(ours)  # pytest puts its own in and out around each phase
    root.setLevel(before[0])
    sys.excepthook, threading.excepthook = before[1:]


def test_a_record_is_one_line_with_the_process_in_it(configured: Callable[[], str]) -> None:
    logging.getLogger("streams").info("two\nlines")
    (line,) = configured().splitlines()
    assert " worker streams: two ⏎ lines" in line


def test_a_deliberate_error_is_one_line(configured: Callable[[], str]) -> None:
    error = ConfigError("the port is taken: choose another")
    sys.excepthook(ConfigError, error, None)
    (line,) = configured().splitlines()
    assert line.endswith("the port is taken: choose another") and "ERROR" in line


def test_a_bug_keeps_its_traceback(configured: Callable[[], str]) -> None:
    try:
        raise ZeroDivisionError("by us")
    except ZeroDivisionError as error:
        sys.excepthook(ZeroDivisionError, error, error.__traceback__)
    written = configured()
    assert "Traceback" in written and "test_logs_and_ready.py" in written and "this is a bug" in written


def test_ctrl_c_says_nothing(configured: Callable[[], str]) -> None:
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert configured() == ""


def test_an_error_in_a_thread_is_not_lost(configured: Callable[[], str]) -> None:
    def fail() -> None:
        raise ConfigError("camera room1 is away: check its cable")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    (line,) = configured().splitlines()
    assert line.endswith("check its cable")


def test_libraries_do_not_chatter(configured: Callable[[], str]) -> None:
    logging.getLogger("aiokafka.consumer").info("joined")
    logging.getLogger("aiokafka.consumer").warning("lost")
    assert [line.rpartition(" ")[2] for line in configured().splitlines()] == ["lost"]


def test_ready_is_there_with_its_facts_until_cleared(make_settings: MakeSettings) -> None:
    settings = make_settings()
    assert read_ready(settings, "api") is None
    mark_ready(settings, "api", port=8000)
    assert read_ready(settings, "api") == {"pid": os.getpid(), "port": 8000}
    assert [path.name for path in ready_file(settings, "api").parent.iterdir()] == ["api.ready"]
    clear_ready(settings, "api")
    clear_ready(settings, "api")
    assert read_ready(settings, "api") is None


def test_the_file_of_a_killed_process_is_not_readiness(make_settings: MakeSettings) -> None:
    settings = make_settings()
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True)
    mark_ready(settings, "api")
    ready_file(settings, "api").write_bytes(b'{"pid": %d}' % int(gone.stdout))
    assert read_ready(settings, "api") is None
    for torn in ("", "{", "[]", '{"pid": "x"}'):
        ready_file(settings, "api").write_text(torn)
        assert read_ready(settings, "api") is None


def test_an_unwritable_home_is_a_clear_error(make_settings: MakeSettings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"can't write .*api\.ready.*SAFEROOM_HOME"):
        mark_ready(make_settings(home=tmp_path / "file"), "api")


def test_a_second_process_that_ended_made_the_first_look_as_if_it_did_not_serve(
    make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings = make_settings()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as first:
        mark_ready(settings, "projector")
        ready_file(settings, "projector").write_bytes(b'{"pid": %d}' % first.pid)
        clear_ready(settings, "projector")
        assert read_ready(settings, "projector") == {"pid": first.pid}
        mark_ready(settings, "projector")
        assert f"process {first.pid} is ready" in caplog.text and "SAFEROOM_HOME" in caplog.text
        first.communicate(b"\n")
    clear_ready(settings, "projector")
    assert not ready_file(settings, "projector").exists()
