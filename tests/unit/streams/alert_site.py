"""A site of four people, both of its topics in memory, and the lives of an alert agent on them."""

import random
from dataclasses import dataclass, field

from reid.contracts.alert_rules import FORM, AlertRule, AlertRules, Zone
from reid.contracts.codec import decode_alert, encode
from reid.contracts.commands import Command
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import COMMANDS, EVENTS
from reid.errors import Unavailable
from streams.alerting.writer import AlertWriter
from streams.ports import Input
from tests.unit.alerting.story import SITE, acknowledge, at, registered, seen, tick
from tests.unit.projections.story import merged
from tests.unit.streams.memory import MemoryLog, MemoryPartition

PARTITIONS = 4
PARTITION = partition_of(SITE.encode(), PARTITIONS)
SERVER = Zone("server", ("room3",))
RULES = AlertRules(
    form=FORM,
    zones=(SERVER,),
    rules=(
        AlertRule(name="server", kind="restricted", zone="server", rearm=10_000, update=5_000),
        AlertRule(name="loitering", kind="loitering", longer_than=20_000, rearm=10_000),
        AlertRule(name="journey", kind="impossible_journey", travel=(("room1", "room2", 4_000),)),
    ),
)
OTHER = AlertRules(form=FORM, rules=(AlertRule(name="loitering", kind="loitering", longer_than=40_000),))


def inputs() -> list[object]:
    """A quarter of an hour of four people, with what people ask in between."""
    rng, told = random.Random(7), list[object]()
    for person in "abcd":
        told.append(registered(person, 0))
    for second in range(0, 900, 2):
        for person in "abcd":
            camera = f"room{1 + (second // 60 + ord(person)) % 3}"
            if rng.random() < 0.6:
                told.append(seen(person, second, camera, bound=rng.random() < 0.2))
        if second % 50 == 0:
            told.append(tick(second))
    told.insert(700, merged("a", "b", "Ada", at=at(400)))
    told.insert(300, acknowledge("nobody", 200, "c-9"))
    return told


@dataclass
class Site:
    """Both topics of a partition, and what came of them."""

    held: MemoryPartition = field(
        default_factory=lambda: MemoryPartition(
            {EVENTS.name: [], COMMANDS.name: []},
            {EVENTS.name: 0, COMMANDS.name: 0},
            {EVENTS.name: 0, COMMANDS.name: 0},
        )
    )
    arrived: list[Input] = field(default_factory=list)

    def put(self, *messages: object) -> list[Input]:
        made = []
        for message in messages:
            at_ms = message.issued_at if isinstance(message, Command) else message.at  # type: ignore[attr-defined]
            topic = COMMANDS.name if isinstance(message, Command) else EVENTS.name
            headers = [("ce_id", f"{topic}-{self.held.ends[topic]}".encode())]
            made.append(self.held.put(encode(message), topic, headers=headers, timestamp=at_ms))  # type: ignore[arg-type]
            if topic == EVENTS.name and self.held.ends[topic] % 7 == 0:
                self.held.mark(topic)  # a transaction ends
        self.arrived += made
        return made

    def writer(self, rules: AlertRules = RULES, snapshots: int = 1_000_000) -> AlertWriter:
        return AlertWriter(MemoryLog(self.held), rules, PARTITION, PARTITIONS, snapshot_inputs=snapshots)

    def alerts(self) -> list[bytes]:
        return [record.value for record in self.held.events]

    def kinds(self) -> list[type]:
        return [type(decode_alert(value)) for value in self.alerts()]


def live(site: Site, seed: int, crashes: int, snapshots: int, rules: AlertRules = RULES) -> None:
    """Takes what arrived in batches of any size; commits fail here and there, and writers are replaced."""
    rng = random.Random(seed)
    site.held.crashes = {rng.randrange(2, 400): rng.choice(["lost", "unheard"]) for _ in range(crashes)}
    writer, at_ = site.writer(rules, snapshots), 0
    recovered = False
    while at_ < len(site.arrived) or not recovered:
        try:
            if not recovered:
                writer.recover()
                # As the agent: reading begins where the writer stands; what it knows is skipped.
                recovered, at_ = True, 0
            batch = site.arrived[at_ : at_ + rng.randrange(1, 40)]
            writer.take(batch)
            at_ += len(batch)
            if rng.random() < 0.02:
                writer.close()
                writer, recovered = site.writer(rules, snapshots), False
        except Unavailable:
            recovered = False
    site.held.crashes = {}
    writer.finish()


def fresh() -> Site:
    """A site whose alert agent has begun already: what comes now is new."""
    site = Site()
    site.held.decided = {EVENTS.name: 0, COMMANDS.name: 0}
    return site
