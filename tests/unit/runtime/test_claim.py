"""One owner a state directory; stale pids; ports; an unusable directory."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from reid.errors import ConfigError
from reid.runtime.servers import claim, ports
from reid.runtime.servers.claim import Claim


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def _note(directory: Path, pid: int, started: float) -> None:
    (directory / "server.pid").write_text(json.dumps({"pid": pid, "started": started}))


def test_a_second_claim_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with Claim(tmp_path, "it"), pytest.raises(ConfigError, match=f"in use by process {os.getpid()}"):
        Claim(tmp_path, "it").take()
    with Claim(tmp_path, "it"):
        pass


def test_a_killed_owner_leaves_the_directory_free(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from reid.runtime.servers.claim import Claim\n"
        "Claim(Path(sys.argv[1]), 'it').take(); print('taken', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None and owner.stdout.readline() == "taken\n"
        with pytest.raises(ConfigError, match=f"in use by process {owner.pid}"):
            Claim(tmp_path, "it").take()
        owner.kill()
    with Claim(tmp_path, "it"):
        assert (tmp_path / "owner.lock").read_text() == f"{os.getpid()}\n"


def test_a_server_whose_owner_died_is_ended(tmp_path: Path, bystander: subprocess.Popen[bytes]) -> None:
    _note(tmp_path, bystander.pid, psutil.Process(bystander.pid).create_time())
    with Claim(tmp_path, "it"):
        assert not psutil.pid_exists(bystander.pid)


def test_a_reused_pid_is_left_alone(tmp_path: Path, bystander: subprocess.Popen[bytes]) -> None:
    _note(tmp_path, bystander.pid, psutil.Process(bystander.pid).create_time() - 100)
    with Claim(tmp_path, "it"):
        assert bystander.poll() is None


@pytest.mark.parametrize("content", ["", "17", "{", '{"pid": "x"}', '{"pid": 999999999, "started": 1.0}'])
def test_a_torn_or_stale_pid_file_is_survived(tmp_path: Path, content: str) -> None:
    (tmp_path / "server.pid").write_text(content)
    with Claim(tmp_path, "it"):
        assert not (tmp_path / "server.pid").exists()


def test_a_full_disk_is_said_before_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = claim.shutil.disk_usage(tmp_path).free
    monkeypatch.setattr(claim, "MIN_FREE_BYTES", free * 2)
    with pytest.raises(ConfigError, match=r"MB free, .* are needed: free some space"):
        Claim(tmp_path, "it").take()


def test_a_directory_that_the_system_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"can't be used \(Not a directory\).*SAFEROOM_HOME"):
        Claim(tmp_path / "file" / "below", "it").take()


def test_ports_are_different_free_and_kept(tmp_path: Path) -> None:
    memory = tmp_path / "ports.json"
    first = ports.reuse_or_choose(memory, 3)
    assert len(set(first)) == 3
    assert all(ports.is_free(port) for port in first)
    assert ports.reuse_or_choose(memory, 3) == first


def test_a_port_that_was_taken_meanwhile_is_not_used(tmp_path: Path) -> None:
    memory = tmp_path / "ports.json"
    first = ports.reuse_or_choose(memory, 2)
    with socket.create_server(("127.0.0.1", first[1])):
        assert not ports.is_free(first[1])
        second = ports.reuse_or_choose(memory, 2)
    assert first[1] not in second
    assert json.loads(memory.read_text()) == second


@pytest.mark.parametrize("content", ["", "[1", "[0, 0]", '["a", 2]', "[80000, 80001]", "[]", "7"])
def test_damaged_port_notes_are_replaced(tmp_path: Path, content: str) -> None:
    memory = tmp_path / "ports.json"
    memory.write_text(content)
    assert all(1024 <= port < 65536 for port in ports.reuse_or_choose(memory, 2))
