"""`saferoom replay --serve` and the table of `saferoom explain`, as processes on a real log."""

import io
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from rich.console import Console
from websockets.sync.client import connect

from deploy.explain_command import explain, steps_of, table
from reid.contracts.cloudevents import rfc3339
from reid.errors import ConfigError
from reid.runtime.settings import Settings
from tests.integration.event_log import EventLog
from tests.unit.projections.story import (
    DECISION,
    START,
    forgotten,
    merged,
    registered,
    renamed,
    sampled,
    seen,
    track,
    walk,
)

pytestmark = pytest.mark.integration

FIRST, SECOND = f"person_{START}_0", f"person_{START}_1"
MATCHED = msgspec.structs.replace(
    DECISION,
    outcome="matched",
    reason="above_threshold",
    candidate=FIRST,
    score=0.8123,
    runner_up=SECOND,
    runner_up_score=0.4321,
)


def saferoom(settings: Settings, *arguments: str) -> "subprocess.Popen[str]":
    own = ["--kafka", settings.kafka(), "--home", str(settings.home)]
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", *arguments, *own],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def past(settings: Settings, at: int) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """URL of the API as of then."""
    child = saferoom(settings, "replay", "--at", rfc3339(at), "--serve", "0")
    assert child.stderr is not None
    try:
        for line in child.stderr:
            if found := re.fullmatch(rf"answers as of {re.escape(rfc3339(at))} at (http://\S+)\n", line):
                yield found[1], child
                return
        raise AssertionError(f"ended with {child.wait()}")
    finally:
        child.kill()
        child.communicate()


def ask(url: str, body: object = None, method: str = "GET") -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_past_is_served_changes_nothing_and_ends_with_watchers_connected(
    settings: Settings, topics: str
) -> None:
    log = EventLog(topics)
    log.write(*walk(FIRST, 0, "Visitor-A", "room1", "room2"))
    log.write(registered(SECOND, 1, "Visitor-B", START + 5_000))
    log.write(forgotten(FIRST))
    with past(settings, START + 4_000) as (url, child):
        status, persons = ask(f"{url}/persons")
        assert (status, [p["person_id"] for p in persons["persons"]]) == (200, [FIRST])
        assert ask(f"{url}/persons/{FIRST}")[1]["cameras"] == ["room1", "room2"]
        assert ask(f"{url}/persons/{SECOND}")[0] == 404
        steps = ask(f"{url}/persons/{FIRST}/history")[1]["steps"]
        assert [step["kind"] for step in steps][:2] == ["registered", "bound"]
        assert ask(f"{url}/readyz")[0] == 200
        for method, path in (("POST", "/persons/reset"), ("DELETE", f"/persons/{FIRST}")):
            status, said = ask(url + path, {}, method)
            assert status == 405
            assert said["detail"].startswith(f"this is the state as of {rfc3339(START + 4_000)}")
        with connect(url.replace("http", "ws") + "/ws") as watching:
            told = [json.loads(watching.recv(timeout=30)) for _ in range(2)]
            assert {t["camera_id"]: t["person_labels"] for t in told} == {
                "room1": {},
                "room2": {"0": "Visitor-A"},
            }
            begun = time.monotonic()
            child.terminate()
            assert child.wait(10) == 0
            assert time.monotonic() - begun < 5
    with past(settings, START + 5_000) as (url, _):
        assert [p["person_id"] for p in ask(f"{url}/persons")[1]["persons"]] == [SECOND]


def test_every_step_of_a_person_is_one_line_with_whole_ids_and_plain_labels(
    settings: Settings, topics: str
) -> None:
    log = EventLog(topics)
    log.write(sampled(track("room1", "0")), *walk(FIRST, 0, "Visitor-A", "room1"))
    log.write(*walk(SECOND, 1, "Visitor-B", "room3"))
    log.write(seen(FIRST, "Visitor-A", track("room2", "5"), START + 5_000, reason="bound", decision=MATCHED))
    log.write(merged(FIRST, SECOND, "Visitor-A", command_id="c1", asked_by="desk [bold]"))
    log.write(renamed(FIRST, "[red]Ada[/]", command_id="c2", asked_by="desk"))
    log.write(forgotten(FIRST, command_id="c3", asked_by="privacy"))
    child = saferoom(settings, "explain", FIRST)
    out, said = child.communicate(timeout=120)
    assert child.returncode == 0, said
    heading, *lines = [line.rstrip() for line in out.splitlines()]
    assert heading.split("  ")[0] == "offset"
    whats = ["sampled", "registered", "bound", f"registered ({SECOND})", f"bound ({SECOND})"]
    whats += ["bound", "merged", "renamed", "forgotten"]
    cells = [re.split(r" {2,}", line) for line in lines]
    assert [row[2] for row in cells] == whats
    assert [row[1] for row in cells][5] == rfc3339(START + 5_000)
    assert f"score 0.812 for {FIRST}; runner-up 0.432 {SECOND}; threshold 0.600, margin 0.030" in lines[5]
    assert "desk [bold]" in lines[6] and SECOND in lines[6]
    assert "→ [red]Ada[/]" in lines[7]
    assert lines[8].split()[-2] == "privacy"
    assert all(re.fullmatch(r"reid\.commands\.v1/\d/\d+", row[-1]) for row in cells)

    narrow = Console(width=60, file=io.StringIO())
    narrow.print(table(steps_of(settings, FIRST)))
    assert "…" not in narrow.file.getvalue(), "folded, not cut"  # type: ignore[attr-defined]


def test_nobody_is_explained_by_saying_so(settings: Settings, topics: str) -> None:
    with pytest.raises(ConfigError, match="no event of site global is about nobody"):
        explain(settings, "nobody", as_json=False)
