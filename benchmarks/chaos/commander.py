"""Somebody who asks: renames, merges, splits, resets of people that the log tells of, some twice."""

import random
import threading
import time
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, Message, TopicPartition

from benchmarks.chaos.acknowledged import Acknowledged, print_of
from deploy.log import log_reader
from reid.contracts.codec import decode_event, encode
from reid.contracts.commands import (
    AnyCommand,
    MergePersons,
    RejectTrack,
    RenamePerson,
    ResetGallery,
    Tick,
    UnmergePersons,
)
from reid.contracts.events import PersonRegistered, PersonSeen, PersonsMerged, TrackRef
from reid.contracts.topics import COMMANDS, EVENTS
from reid.runtime.kafka import producer

_PAUSE_S: Final = 0.4


class Commander(threading.Thread):
    """``acknowledged`` and ``kinds`` are whole once it has ended."""

    def __init__(self, bootstrap: str, partitions: int, seed: int) -> None:
        super().__init__(name="commander", daemon=True)
        self._random = random.Random(seed)
        self._reader = log_reader(bootstrap)
        self._reader.assign([TopicPartition(EVENTS.name, p, 0) for p in range(partitions)])
        self._producer = producer(
            bootstrap, **{"error_cb": lambda _: None, "delivery.timeout.ms": 600_000, "linger.ms": 0}
        )
        self._people: list[tuple[str, str]] = []
        self._tracks: dict[tuple[str, str], TrackRef] = {}
        self._merges: list[tuple[str, str, str]] = []
        self._ending = threading.Event()
        self._count = 0
        self.acknowledged: list[Acknowledged] = []
        self.kinds: dict[str, int] = {}

    def end(self) -> None:
        self._ending.set()
        self.join(120)

    def run(self) -> None:
        while not self._ending.is_set():
            self._look()
            if self._people:
                self._ask()
            self._producer.poll(0)
            self._ending.wait(_PAUSE_S)
        while self._producer.flush(1.0):
            pass
        self._reader.close()

    def _look(self) -> None:
        for message in self._reader.consume(500, timeout=0.05):
            if message.error() is not None:
                continue
            match decode_event(message.value() or b""):
                case PersonRegistered(site_id=site, person_id=person):
                    self._people.append((site, person))
                case PersonSeen(site_id=site, person_id=person, track=track):
                    self._tracks[site, person] = track
                case PersonsMerged(site_id=site, survivor_id=kept, absorbed_id=gone):
                    self._merges.append((site, kept, gone))
        del self._people[:-200]

    def _ask(self) -> None:
        site, person = self._random.choice(self._people)
        command = self._command(site, person)
        kind = type(command).__name__
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        for _ in range(2 if self._random.random() < 0.1 else 1):
            told = partial(self._told, command.site_id)
            self._producer.produce(COMMANDS.name, encode(command), command.site_id, on_delivery=told)

    def _command(self, site: str, person: str) -> AnyCommand:
        self._count += 1
        who = {"site_id": site, "command_id": f"chaos-{self._count}", "issued_at": round(time.time() * 1000)}
        dice = self._random.random()
        if dice < 0.35:
            return RenamePerson(person_id=person, label=f"Guest {self._random.randrange(300)}", **who)  # type: ignore[arg-type]
        if dice < 0.6:
            other = self._random.choice([p for s, p in self._people if s == site])
            return MergePersons(person_id1=person, person_id2=other, **who)  # type: ignore[arg-type]
        if dice < 0.8 and self._merges:
            site, kept, gone = self._random.choice(self._merges)
            return UnmergePersons(person_id=kept, absorbed_id=gone, **{**who, "site_id": site})  # type: ignore[arg-type]
        if dice < 0.9 and (site, person) in self._tracks:
            return RejectTrack(person_id=person, track=self._tracks[site, person], **who)  # type: ignore[arg-type]
        if dice < 0.93:
            return ResetGallery(camera_id=self._random.choice(["room1", "room2", "room3"]), **who)  # type: ignore[arg-type]
        return Tick(**who)  # type: ignore[arg-type]

    def _told(self, site: str, error: KafkaError | None, message: Message) -> None:
        if error is None:
            value, offset, partition = message.value(), message.offset(), message.partition()
            assert isinstance(value, bytes) and offset is not None and partition is not None
            self.acknowledged.append(
                Acknowledged(site, -1, COMMANDS.name, partition, offset, print_of(value))
            )
