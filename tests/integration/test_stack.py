"""What a stack does when its parts come and go; no part is real."""

import json
import sys
import threading
from pathlib import Path

from rich.console import Console

from deploy.child import ProcessChild
from deploy.stack import Stack
from deploy.steps import Steps
from deploy.supervisor import Supervisor
from reid.runtime.settings import Settings

_SERVES = """
import json, os, sys, time
open(sys.argv[1], "w").write(json.dumps({"pid": os.getpid(), "url": "http://127.0.0.1:1"}))
time.sleep(600)
"""


def _part(name: str, directory: Path) -> ProcessChild:
    ready = directory / f"{name}.ready"
    command = [sys.executable, "-c", _SERVES, str(ready)]
    return ProcessChild(name, command, directory / f"{name}.log", ready)


def test_an_api_that_dies_takes_nobody_with_it(tmp_path: Path) -> None:
    """Its address is not known while it starts: that was taken for a server on another port, and every part
    was ended, the API too, again and again."""
    servers = {"kafka_bootstrap_servers": "127.0.0.1:1", "redis_url": "redis://127.0.0.1:1/0"}
    settings = Settings.model_validate({"home": tmp_path, **servers})
    stopping = threading.Event()
    with Supervisor(tmp_path / "run", lambda _: None, stopping, (0.05,)) as supervisor:
        stack = Stack(settings, supervisor, Steps(Console(quiet=True)))
        worker, api = _part("worker", tmp_path), _part("api", tmp_path)
        supervisor.start(worker, api)
        stack._api = api
        stack._write_endpoints()
        alive = worker.pid()
        api.kill()
        for _ in range(400):
            stack.check()
            supervisor.wait(0.01)
            if supervisor.restarts.get("api") and api.facts():
                break
        stack.check()
        assert supervisor.restarts == {"api": 1}
        assert worker.pid() == alive and worker.failure() is None
        assert json.loads(settings.endpoints_file.read_text())["api"] == "http://127.0.0.1:1"

        stack.settings = settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:2"})
        stack.check()
        assert worker.process is not None
        assert worker.process.wait(5) != 0
        assert json.loads(settings.endpoints_file.read_text())["kafka"] == "127.0.0.1:2"
