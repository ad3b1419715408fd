"""The real stack with the simulated site, and a real Chromium, for tests and for the tour's pictures."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reid.runtime.servers.jars import fetch, kafka_version, locked

STARTED_WITHIN_S = 240
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """Path of a Chromium: ``CHROMIUM``, or the system's."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    return None if found is None else shutil.which(found)


def missing() -> str | None:
    """Why there can be no browser test here; None where there can."""
    if chromium() is None:
        return "no Chromium: `apt-get install chromium`, or set CHROMIUM to the path of one"
    try:
        import axe_playwright_python  # noqa: F401
        import playwright  # noqa: F401
    except ImportError as error:
        return f"no {error.name}: run `make test-browser`, which installs it"
    return None


class Site:
    """``url`` of the API of a running `saferoom demo`, ``home`` its state directory."""

    def __init__(self, url: str, home: Path) -> None:
        self.url, self.home = url, home

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def post(self, path: str, body: object) -> int:
        """Status of the answer."""
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return int(error.code)

    def persons(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/persons")["persons"]
        return found

    def person(self, person_id: str) -> dict[str, Any]:
        return next(one for one in self.persons() if one["person_id"] == person_id)


@contextmanager
def running_site(home: Path, jars: Path, *options: object) -> Iterator[Site]:
    """`saferoom demo` on loopback, its data in ``home``; ended afterwards."""
    fetch(locked(), jars)
    (home / "kafka").mkdir(parents=True, exist_ok=True)
    link = home / "kafka" / f"jars-{kafka_version(locked())}"
    if not link.exists():
        link.symlink_to(jars)
    log, endpoints = home / "demo.log", home / "run" / "endpoints.json"
    endpoints.unlink(missing_ok=True)
    given = ["demo", "--no-live", "--loop", "--detector", "truth", "--port", 0, "--home", home, *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", *map(str, given)], stdout=output, stderr=subprocess.STDOUT
        )
    try:
        until(lambda: endpoints.exists() or process.poll() is not None, STARTED_WITHIN_S, log.read_text)
        assert process.poll() is None, log.read_text()
        yield Site(json.loads(endpoints.read_text())["api"], home)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(condition: Callable[[], Any], within_s: float, said: Callable[[], object] = lambda: "") -> Any:
    """The first true value of ``condition``."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {said()}"
        time.sleep(0.1)
    return found


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium that asks nobody but us."""
    from playwright.sync_api import sync_playwright

    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=chromium(), args=quiet + root)
        try:
            yield made
        finally:
            made.close()
