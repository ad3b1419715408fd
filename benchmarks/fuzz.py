"""Broken messages, random and structure-aware, through the agent: ``python -m benchmarks.fuzz``.

Every message goes through the real writer over an in-memory log, with good messages between. Asked of it: no
crash, no hang; each message that can't be decided is in the dead letters exactly once, with its bytes, and no
other; and the good messages' decisions are those that they get without any broken one beside them.
"""

import argparse
import json
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from reid.contracts.codec import encode
from reid.contracts.commands import MoveTracks, RenamePerson, ResetGallery
from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.embedding import encode_wire
from reid.contracts.events import TrackRef
from reid.contracts.topics import COMMANDS, DETECTIONS
from reid.domain.policy import Policies, Policy
from reid.errors import ContractError, PoisonInput
from streams.decider import IdentityDecider
from streams.inputs import check_clock, read
from streams.partition import MAX_SKEW_MS, DirtyState, PartitionWriter
from streams.ports import Input
from streams.telemetry import Telemetry
from tests.unit.streams.memory import PARTITION, PARTITIONS, MemoryLog, MemoryPartition

START: Final = 1_790_000_000_000
_DIM: Final = 8
_BLOCK: Final = 1000
_LONGEST_S: Final = 5.0
_ODD: Final[tuple[Any, ...]] = (
    None, True, False, -1, 0, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 1e308, -1e308, 1e-320, 0.1, "", " ",
    "a" * 200, "a/b", "a:b", "\x00", "Ä", "\ud7ff", "global", [], {}, [[]], [None], {"": None}, "NaN", "AAAA",
)  # fmt: skip


class Fuzzer:
    """Messages drawn from a seed. ``site`` keeps good and bad apart: what a bad one that can be decided
    after all does to its own site is its own affair."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._count = 0

    def noise(self) -> bytes:
        """Bytes without sense, or with a little."""
        dice = self._dice
        kind = dice.randrange(4)
        if kind == 0:
            return dice.randbytes(dice.randrange(300))
        if kind == 1:
            return "".join(
                dice.choices('{}[]",:0123456789.eE+-truefalsn\\u ', k=dice.randrange(200))
            ).encode()
        if kind == 2:
            depth = dice.choice((10, 1000, 100_000))
            return (b"[" if dice.random() < 0.5 else b'{"a":') * depth
        return json.dumps(self._value(3)).encode()

    def mutant(self, site: str) -> tuple[str, bytes]:
        """(topic, value): a sound message with something changed, in its structure or in its bytes."""
        dice = self._dice
        topic, value = self._sound(site)
        for _ in range(dice.choice((1, 1, 1, 3))):
            value = dice.choice(self._CHANGES)(self, value)
        return topic, value

    def sound(self, number: int) -> bytes:
        """A good message of the watched site."""
        person = Person(number % 5, (1.0, 2.0, 30.0, 60.0), embedding=self._look(number % 5))
        frame = Frame("room1", START + number * 400, 640, 480, "s1", Model("m", "1", _DIM), (person,))
        return encode(Detections("global", "good", (frame,)))

    def _sound(self, site: str) -> tuple[str, bytes]:
        dice, self._count = self._dice, self._count + 1
        at = START + self._count * 10
        base: dict[str, Any] = {"site_id": site, "command_id": f"c{self._count}", "issued_at": at}
        kind = dice.randrange(6)
        if kind == 0:
            return COMMANDS.name, encode(RenamePerson(**base, person_id="person_1_1", label="Ada"))
        if kind == 1:
            return COMMANDS.name, encode(ResetGallery(**base, camera_id="room2"))
        if kind == 2:
            tracks = (TrackRef("room1", "s1", "1"),)
            return COMMANDS.name, encode(MoveTracks(**base, person_id="person_1_1", tracks=tracks))
        people = tuple(
            Person(n, (1.0, 2.0, 30.0, 60.0), 0.9, 0.8, self._look(n), {"hat": "red"})
            for n in range(dice.randrange(4))
        )
        model = Model("m", "1", _DIM, ((0.0, 0.0), (1.0, 1.0)))
        return DETECTIONS.name, encode(
            Detections(site, "f", (Frame("room1", at, 640, 480, "s", model, people),))
        )

    def _look(self, who: int) -> bytes:
        return encode_wire([1.0 if place == who else 0.1 for place in range(_DIM)])

    def _value(self, depth: int) -> Any:
        dice = self._dice
        if depth and dice.random() < 0.5:
            items = [self._value(depth - 1) for _ in range(dice.randrange(4))]
            return items if dice.random() < 0.5 else {str(n): item for n, item in enumerate(items)}
        return dice.choice(_ODD)

    def _field(self, value: bytes) -> bytes:
        """One value somewhere in the structure is another, is gone, or is there anew."""
        try:
            plain = json.loads(value)
        except (ValueError, RecursionError):
            return value
        places = list(_places(plain))
        if not places:
            return value
        holder, name = self._dice.choice(places)
        kind = self._dice.randrange(5)
        if kind == 0:
            del holder[name]
        elif kind == 1 and isinstance(holder, dict):
            holder[f"{name}x"] = holder[name]
        elif kind == 2 and isinstance(holder[name], int | float) and not isinstance(holder[name], bool):
            try:
                holder[name] = holder[name] * self._dice.choice((-1, 0, 2, 1e6, 1e300))
            except OverflowError:
                holder[name] = 0
        else:
            holder[name] = self._value(2)
        return json.dumps(plain).encode()

    def _typed(self, value: bytes) -> bytes:
        """One value is another of its own type: the schema finds nothing wrong with it."""
        try:
            plain = json.loads(value)
        except (ValueError, RecursionError):
            return value
        places = [(h, n) for h, n in _places(plain) if type(h[n]) in (int, float, str)]
        if places:
            holder, name = self._dice.choice(places)
            holder[name] = self._dice.choice([odd for odd in _ODD if type(odd) is type(holder[name])])
        return json.dumps(plain).encode()

    def _bytes(self, value: bytes) -> bytes:
        raw = bytearray(value)
        for _ in range(self._dice.randrange(1, 4)):
            if raw:
                raw[self._dice.randrange(len(raw))] = self._dice.randrange(256)
        return bytes(raw)

    def _cut(self, value: bytes) -> bytes:
        return value[: self._dice.randrange(len(value) + 1)]

    def _doubled(self, value: bytes) -> bytes:
        start = self._dice.randrange(len(value) + 1)
        return value[:start] + value[start : start + 40] + value[start:]

    def _embedding(self, value: bytes) -> bytes:
        import numpy as np

        odd = np.array(self._dice.choices((float("nan"), float("inf"), 0.0, 1.0, 65504.0), k=_DIM), "<f2")
        return value.replace(_base64(self._look(0)), _base64(odd.tobytes()))

    def _version(self, value: bytes) -> bytes:
        return value.replace(b".v1", b".v%d" % self._dice.randrange(12))

    _CHANGES: Final[tuple[Callable[["Fuzzer", bytes], bytes], ...]] = (
        _field, _field, _typed, _typed, _typed, _bytes, _cut, _doubled, _embedding, _version,
    )  # fmt: skip


def _base64(raw: bytes) -> bytes:
    import base64

    return base64.b64encode(raw)


def _places(plain: Any) -> Any:
    pairs = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for name, value in list(pairs):
        yield plain, name
        yield from _places(value)


def decidable(record: Input) -> bool:
    """Whether the contract and the domain take it. Raises what is neither: a defect."""
    decider = IdentityDecider(Policies(Policy()))
    try:
        message = read(record, PARTITIONS)
        decider.check(message)
        check_clock(record, message, MAX_SKEW_MS)
    except (ContractError, PoisonInput):
        return False
    return True


def fuzz(count: int, seed: int) -> dict[str, Any]:
    """``count`` random and ``count`` mutated messages. Returns what was found; raises on a defect."""
    fuzzer, dice = Fuzzer(seed), random.Random(seed + 1)
    # A bad site on the watched site's partition: half of the mutants must find their way in.
    bad_site = next(s for s in (f"bad-{n}" for n in range(99)) if _home(s) == PARTITION)
    held, good = MemoryPartition(), list[bytes]()
    writer = _writer(held)
    expected, reasons, longest = list[tuple[str, int]](), Counter[str](), 0.0
    decided = {"random": 0, "mutated": 0}
    for number in range(2 * count):
        if number % 20 == 0:
            good.append(fuzzer.sound(len(good)))
            held.put(good[-1], timestamp=START + len(good) * 400)
        if number % 2:
            kind, (topic, value), key = "mutated", fuzzer.mutant(bad_site), bad_site.encode()
        else:
            kind, topic, value = "random", dice.choice((DETECTIONS.name, COMMANDS.name)), fuzzer.noise()
            key = dice.choice((b"global", bad_site.encode(), None, b"\xff"))
        record = held.put(value, topic, key, timestamp=START + number * 5)
        if decidable(record):
            decided[kind] += 1
        else:
            expected.append((topic, record.offset))
        if number % _BLOCK == _BLOCK - 1 or number == 2 * count - 1:
            begun = time.monotonic()
            _decide_all(writer, held)
            longest = max(longest, time.monotonic() - begun)
    undecidable = 0
    letters = list[tuple[str, int]]()
    for letter in held.dead_letters:
        told = {name: text.decode() for name, text in letter.headers}
        place = told["dlq_topic"], int(told["dlq_offset"])
        assert held.inputs[place[0]][place[1]].value == letter.value, place
        reasons[told["dlq_reason"]] += 1
        if told["dlq_reason"] == "undecidable":
            undecidable += 1
            print(f"undecidable: {letter.value!r}: {told['dlq_error']}", file=sys.stderr)
        letters.append(place)
    return {
        "messages": {"random": count, "mutated": count, "good": len(good)},
        "seed": seed,
        "decidable_after_all": decided,
        "dead_letters": len(letters),
        "dead_letters_by_reason": dict(sorted(reasons.items())),
        "dead_letters_missing_twice_or_wrong": len(set(letters) ^ set(expected))
        + len(letters)
        - len(set(letters)),
        "made_the_decider_fail": undecidable,
        "good_messages_decided_otherwise": _disturbed(held, good),
        "longest_block_s": round(longest, 3),
        "hangs": int(longest > _LONGEST_S * _BLOCK / 1000),
    }


def _home(site: str) -> int:
    from reid.contracts.partitioning import partition_of

    return partition_of(site.encode(), PARTITIONS)


def _writer(held: MemoryPartition) -> PartitionWriter[Any]:
    decider = IdentityDecider(Policies(Policy()))
    made = PartitionWriter(MemoryLog(held), decider, PARTITION, PARTITIONS, Telemetry())
    made.recover()
    return made


def _decide_all(writer: PartitionWriter[Any], held: MemoryPartition) -> None:
    """As a lane does: what makes the decider fail is tried again from a clean state, then buried."""
    for _ in range(100):
        try:
            writer.heal(held.ends)
            return
        except DirtyState:
            writer.recover()
    raise AssertionError("does not get on")


def _disturbed(held: MemoryPartition, good: list[bytes]) -> int:
    """Events of the watched site that differ from those without any broken message."""
    alone = MemoryPartition()
    for number, value in enumerate(good):
        alone.put(value, timestamp=START + (number + 1) * 400)
    _decide_all(_writer(alone), alone)
    want = [record.value for record in alone.events]
    found = [record.value for record in held.events if record.key == b"global"]
    assert want, "the good messages decide something"
    differ = sum(a != b for a, b in zip(want, found, strict=False))
    return differ + abs(len(want) - len(found))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write what was found")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    begun = time.monotonic()
    found = fuzz(asked.messages, asked.seed)
    found["seconds"] = round(time.monotonic() - begun, 1)
    text = json.dumps(
        {"command": f"python -m benchmarks.fuzz --messages {asked.messages} --seed {asked.seed}", **found},
        indent=2,
    )
    print(text)
    if asked.json:
        asked.json.write_text(text + "\n")
    wrong = (
        "dead_letters_missing_twice_or_wrong",
        "made_the_decider_fail",
        "good_messages_decided_otherwise",
        "hangs",
    )
    return int(any(found[name] for name in wrong))


if __name__ == "__main__":
    sys.exit(main())
