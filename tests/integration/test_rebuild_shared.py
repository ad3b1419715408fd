"""A rebuild by several processes at once: the same bytes, the same refusals, and no process left behind."""

import itertools
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil
import pytest

from benchmarks.site_log import at_sites
from benchmarks.site_log import events as site_events
from projections import rebuild as views_anew
from projections import sharing
from projections.canonical import canonical
from projections.databases import Databases
from projections.rebuild import rebuild, settled
from projections.redis_store import RedisViewStore
from projections.views import CamerasView, PersonsView, View
from reid.errors import PoisonInput, Unavailable
from reid.runtime import kafka
from tests.integration.event_log import TTL_DAYS, EventLog, projector, until
from tests.integration.test_rebuild import caught_up

pytestmark = pytest.mark.integration
SITES = 5
MARK = "projections.sharing"


@pytest.fixture(autouse=True)
def several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views_anew, "LONG", 1)
    monkeypatch.setattr(sharing, "processes", lambda: 3)


@pytest.fixture
def many_sites(topics: str) -> EventLog:
    """A log that the domain decided, at several sites in several partitions."""
    log, told = EventLog(topics), at_sites(site_events(60), SITES)
    for _ in range(30):
        log.write(*[event for _, _, event in itertools.islice(told, 100)])
    return log


def anew(bootstrap: str, url: str, progress: Callable[[int], None] = lambda _: None) -> int:
    consumer, databases = kafka.reader(bootstrap), Databases(url)
    views: list[View] = [PersonsView(TTL_DAYS), CamerasView()]
    try:
        return rebuild(consumer, databases, views, progress=progress, bootstrap=bootstrap).records
    finally:
        consumer.close()
        databases.close()


def others() -> list[int]:
    """Ids of the processes that share in a rebuild now."""
    found = []
    for one in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a zombie, too
            if MARK in " ".join(one.cmdline()):
                found.append(one.pid)
    return found


def test_several_processes_give_the_bytes_of_the_live_view(
    topics: str, clean_redis: str, store: RedisViewStore, many_sites: EventLog
) -> None:
    with projector(topics, clean_redis):
        until(caught_up(topics, store))
    live, positions = settled(store)
    told: list[int] = []
    seen: set[int] = set()

    def progress(records: int) -> None:
        told.append(records)
        seen.update(others())

    assert anew(topics, clean_redis, progress) == sum(told) == 3_000
    assert len(seen) == 2
    assert others() == []
    assert canonical(store.dump("saferoom:")) == canonical(live)
    assert store.positions("persons") == positions
    assert len({key.split(":")[2] for key in live if key.startswith("saferoom:index:")}) == SITES


class _Noted:
    """A helper that tells of its end."""

    def __init__(self, process: Any) -> None:
        self.stdin, self.stdout, self._process, self.codes = (
            process.stdin,
            process.stdout,
            process,
            list[int](),
        )

    def wait(self, timeout: float | None = None) -> int:
        self.codes.append(self._process.wait(timeout))
        return self.codes[-1]

    def kill(self) -> None:
        self._process.kill()


def test_helpers_that_wait_are_asked_before_any_is_started(
    topics: str,
    clean_redis: str,
    store: RedisViewStore,
    many_sites: EventLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = [
        _Noted(subprocess.Popen(sharing.COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        for _ in range(2)
    ]
    monkeypatch.setattr(sharing, "COMMAND", ["nobody starts this"])
    consumer, databases = kafka.reader(topics), Databases(clean_redis)
    left: list[sharing.Helper] = list(waiting)
    try:
        views: list[View] = [PersonsView(TTL_DAYS), CamerasView()]
        done = rebuild(consumer, databases, views, bootstrap=topics, helpers=left)
    finally:
        consumer.close()
        databases.close()
    assert (done.records, left) == (3_000, [])
    assert [helper.codes for helper in waiting] == [[0], [0]]


def test_a_log_of_one_site_starts_no_other_process(
    topics: str, clean_redis: str, store: RedisViewStore
) -> None:
    EventLog(topics).write(*[event for _, _, event in itertools.islice(site_events(60), 300)])
    seen: set[int] = set()
    assert anew(topics, clean_redis, lambda _: seen.update(others())) == 300
    assert seen == set()
    assert sum(store.positions("persons").values()) > 300
    assert len(store.positions("persons")) > 1, "those without records have theirs, too"


def test_what_one_of_several_processes_can_not_apply_stops_all(
    topics: str, clean_redis: str, store: RedisViewStore, many_sites: EventLog
) -> None:
    many_sites.write(b"{broken")
    with pytest.raises(PoisonInput, match=r"--leave-out reid\.events\.v1/"):
        anew(topics, clean_redis)
    assert others() == []
    assert store.dump("saferoom:") == {}, "the mark of the rebuild is gone, too"


def test_a_process_that_dies_is_told_of(
    topics: str,
    clean_redis: str,
    store: RedisViewStore,
    many_sites: EventLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dies = f"import pickle, sys, {MARK}; [pickle.load(sys.stdin.buffer) for _ in range(2)]; sys.exit(3)"
    monkeypatch.setattr(sharing, "COMMAND", [sys.executable, "-c", dies])
    with pytest.raises(Unavailable, match="a process that folds a share of the log ended"):
        anew(topics, clean_redis, lambda _: until(lambda: not others()))
    assert store.dump("saferoom:") == {}


def test_a_share_goes_on_no_longer_than_its_rebuild(
    topics: str, clean_redis: str, many_sites: EventLog
) -> None:
    """The one that started it was killed: nobody asks any more, and its input ends."""
    process: Any = subprocess.Popen(sharing.COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    databases = Databases(clean_redis)
    job = sharing.Job(topics, databases, PersonsView(TTL_DAYS), (), 100)
    sharing._say(process.stdin, job)
    sharing._say(process.stdin, sharing.Share(0, 10**9))
    databases.close()
    process.stdin.close()
    assert process.wait(20) == 0
    process.stdout.close()
