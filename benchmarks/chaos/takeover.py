"""Who writes a partition: as Kafka's group has it and as its decided inputs show, not as a file says.

A worker's ready file alone is no proof: while the group rebalances it still names the partitions that the
worker had before, some of which another one writes by then.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment  # type: ignore[import-untyped]
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from reid.contracts.topics import COMMANDS, INPUT_TOPICS, WORKER_APP_ID

#: Seconds. A dead worker is noticed after the session time-out (6) since its last heartbeat (every 1): no
#: other can have taken over sooner.
SOONEST_S: Final = 5.0
_ASK_S: Final = 5.0
#: A static member's id is its name and "-{uuid}"; its name is the worker id, "." and the topics' id, which
#: has no ".".
_UUID_LENGTH: Final = 37

Owners = dict[int, str]
Decided = Mapping[tuple[str, int], int]


class Worker(Protocol):
    """One of the two. ``facts``: of its ready file, ``{"pid", "worker_id", "partitions"}``, or empty."""

    name: str

    def pid(self) -> int | None: ...

    def facts(self) -> dict[str, Any]: ...


class Site(Protocol):
    """What is asked of the running system."""

    @property
    def workers(self) -> Sequence[Worker]: ...

    def owners(self) -> Owners:
        """Partition -> worker id; empty while Kafka does not tell or the group is not stable."""

    def decided(self) -> Decided:
        """Next offset to decide of each input partition; empty while Kafka does not tell."""


def owners(bootstrap: str) -> Owners:
    """As the group's coordinator has it now. See `Site.owners`."""
    quiet: dict[str, Any] = {"log_level": 2, "error_cb": lambda _error: None}
    client = AdminClient({"bootstrap.servers": bootstrap, **quiet})
    try:
        # Not describe_consumer_groups: librdkafka aborts the process (confluentinc/librdkafka#4605, an
        # assertion on `eonce`) when the broker is killed while that is asked.
        found: list[Any] = client.list_groups(WORKER_APP_ID, timeout=_ASK_S)
    except KafkaException:
        return {}
    return {
        partition: member.id[:-_UUID_LENGTH].rpartition(".")[0]
        for group in found
        if group.state == "Stable"
        for member in group.members
        for partition in _assigned(member.assignment)
    }


def _assigned(raw: bytes) -> list[int]:
    """Partitions of commands in an assignment, in Kafka's consumer protocol: the detections' are the same."""
    places = ConsumerProtocolMemberAssignment.decode(raw).assignment
    return [partition for topic, partitions in places if topic == COMMANDS.name for partition in partitions]


class Writers:
    """Looks until each partition's writer is proven: the group is stable, both ready files say the same as
    it, and since then inputs of every partition were decided."""

    def __init__(self, site: Site, partitions: int) -> None:
        self._site, self._partitions = site, partitions
        self._said: tuple[Owners, list[int | None]] = ({}, [])
        self._since: Decided = {}

    @property
    def owners(self) -> Owners:
        """As of the last look."""
        return self._said[0]

    def look(self) -> bool:
        said = self._agreed()
        if not said[0] or said != self._said or not self._since:
            self._said, self._since = said, self._site.decided() if said[0] else {}
            return False
        return not _undecided(self.owners, self._since, self._site.decided())

    def why_not(self) -> str:
        """What the last look lacked."""
        files = ", ".join(f"{w.name} {w.pid()}: {w.facts() or 'not ready'}" for w in self._site.workers)
        left = _undecided(self.owners, self._since, self._site.decided())
        return f"the group says {self._site.owners() or 'nothing'}; {files}; nothing decided of {left}"

    def still(self) -> bool:
        """Whether the last look's answer holds: nobody came, went or was given another partition."""
        return bool(self.owners) and self._agreed() == self._said

    def _agreed(self) -> tuple[Owners, list[int | None]]:
        """The owners and the workers' processes; no owners where the group and the files disagree."""
        found, pids = self._site.owners(), [worker.pid() for worker in self._site.workers]
        told: list[tuple[int, str]] = []
        for worker, pid in zip(self._site.workers, pids, strict=True):
            facts = worker.facts()
            if facts.get("pid") != pid:
                return {}, pids
            told += [(int(partition), str(facts["worker_id"])) for partition in facts["partitions"]]
        whole = found.keys() == set(range(self._partitions))
        # As a list: a partition that both files claim is no agreement.
        return (found if whole and sorted(told) == sorted(found.items()) else {}), pids


class Takeover:
    """Of all partitions that the frozen worker ``frozen`` (its worker id) was proven to write."""

    def __init__(
        self, site: Site, frozen: str, owned: Sequence[int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._site, self._frozen, self._owned, self._clock = site, frozen, owned, clock
        self._begun = clock()
        self._before: Decided = {}
        self.seconds: float | None = None
        """From the freeze until another had decided inputs of each of the partitions; None before."""

    def look(self) -> bool:
        """Whether others write. The first looks tell how far the frozen one got."""
        if not self._before:
            # What it had sent before it was frozen may still arrive.
            self._before = self._site.decided() if self._clock() - self._begun >= 1.0 else {}
            return False
        left = _undecided(self._owned, self._before, self._site.decided())
        now, at = self._site.owners(), self._clock()
        if left or any(now.get(p, self._frozen) == self._frozen for p in self._owned):
            return False
        self.seconds = round(at - self._begun, 1)
        return True

    @property
    def possible(self) -> bool:
        """Whether it was seen, and not sooner than anybody could have noticed: else the harness is wrong."""
        return self.seconds is not None and self.seconds >= SOONEST_S


def _undecided(partitions: Sequence[int] | Owners, before: Decided, now: Decided) -> list[int]:
    """Partitions of which no input was decided since ``before``."""
    names = [topic.name for topic in INPUT_TOPICS]
    return [p for p in partitions if all(now.get((n, p), 0) <= before.get((n, p), 0) for n in names)]
