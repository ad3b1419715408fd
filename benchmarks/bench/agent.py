"""The agent, detections in Kafka to decided events in Kafka, beside the limit and beside its peers.

Every side has a broker and a process of its own, idle while another is asked; each round all get the same
burst of messages, 8 frames of 5 people with 2 embeddings each in a message.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.bench.row import Row, alone, compared
from benchmarks.bench.scene import MODEL, SITE, START, Looks, crop, looks, message, walking
from benchmarks.bench.side import Side, python
from benchmarks.bench.sides import bare, on_aiokafka
from reid.contracts.codec import encode
from reid.contracts.commands import ImportPerson
from reid.contracts.topics import COMMANDS, DECIDED_GROUP

CAMERAS: Final = 8
EACH: Final = 5
FPS: Final = 10
#: Seconds that somebody stays before a camera.
STAY: Final = (20, 90)
PEOPLE: Final = 400
#: An environment with Quix Streams: ``make bench-peers``.
QUIX: Final = Path(os.environ.get("SAFEROOM_BENCH_QUIX", ".boot/quix/bin/python"))
_QUIX_GROUP: Final = "bench-quix"
KNOWN: Final = 1_000
EMBEDDINGS: Final = 10
_OURS: Final = (["python", "-m", "deploy.cli", "worker"], DECIDED_GROUP)

Burst = list[tuple[bytes, int]]


def run(quick: bool) -> list[Row]:
    rounds, size = (3, 400) if quick else (5, 800)
    rows = _peers(rounds, size)
    rows += _naive(rounds, 60 if quick else 300, 3)
    return rows


def _peers(rounds: int, size: int) -> list[Row]:
    with ExitStack() as stack:
        sides = {"ours": stack.enter_context(_ours())}
        sides["bare"] = stack.enter_context(Side(python("benchmarks.bench.sides.bare"), bare.GROUP))
        sides["aiokafka"] = stack.enter_context(
            Side(python("benchmarks.bench.sides.on_aiokafka"), on_aiokafka.GROUP)
        )
        if QUIX.exists():
            command = python("benchmarks.bench.sides.on_quix", interpreter=str(QUIX))
            sides["quix"] = stack.enter_context(Side(command, _QUIX_GROUP))
        rates: dict[str, list[float]] = {name: [] for name in sides}
        cpu: dict[str, list[float]] = {name: [] for name in sides}
        source = bursts(looks(PEOPLE, 3), size)
        for number in range(rounds + 1):
            burst = next(source)
            for name in list(sides) if number % 2 else list(reversed(sides)):
                seconds, processor = sides[name].burst(burst)
                if number:
                    rates[name].append(size * CAMERAS / seconds)
                    cpu[name].append(1e6 * processor / size / CAMERAS)
    what, unit = "agent: frames of 5 people, 2 embeddings each", "frames/s"
    more: dict[str, float | int | str | None] = {
        f"cpu_us_a_frame_{name}": round(float(np.median(spent)), 1) for name, spent in cpu.items()
    }
    more["frames_a_message"] = CAMERAS
    rows = [
        compared(
            what, unit, rates["ours"], "bare transactional copy of the same bytes", rates["bare"],
            floor=0.3, aim=0.67, more=more,
        ),
        compared(
            what, unit, rates["ours"], "the same decisions on aiokafka alone", rates["aiokafka"],
            floor=0.8, aim=1.0,
        ),
    ]  # fmt: skip
    beside = "the same decisions on Quix Streams"
    if "quix" in sides:
        rows.append(compared(what, unit, rates["ours"], beside, rates["quix"], floor=0.8, aim=1.0))
    else:
        rows.append(
            Row(what=what, unit=unit, beside=beside, skipped=f"no {QUIX}: make bench-peers installs it")
        )
    return rows


def _naive(rounds: int, size: int, theirs: int) -> list[Row]:
    """Both know 1,000 persons by ten embeddings each. The naive side gets less to do."""
    people = looks(KNOWN, 3)
    with ExitStack() as stack:
        known = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "known.npy"
        views = _views(people)
        np.save(known, views)
        ours = stack.enter_context(_ours())
        naive = stack.enter_context(Side(python("benchmarks.bench.sides.bare", str(known)), bare.GROUP))
        imports = [(encode(_import(n, each)), START) for n, each in enumerate(views)]
        ours.burst(imports, COMMANDS.name)
        source = bursts(people, size)
        fast, slow = [], []
        for number in range(rounds + 1):
            burst = next(source)
            mine = size * CAMERAS / ours.burst(burst)[0]
            other = theirs * CAMERAS / naive.burst(burst[:theirs])[0]
            if number:
                fast.append(mine)
                slow.append(other)
    return [
        compared(
            f"agent at {KNOWN:,} known persons", "frames/s", fast,
            "naive: a loop over all persons and embeddings", slow, floor=20, aim=100,
        ),
        alone("naive agent, milliseconds a frame", "ms", [1e3 / rate for rate in slow], lower=True),
    ]  # fmt: skip


def _ours() -> Side:
    command, group = _OURS
    return Side(python("deploy.cli")[:3] + command[3:], group, {"SAFEROOM_LOG_LEVEL": "WARNING"})


def bursts(people: Looks, size: int) -> Iterator[Burst]:
    """Messages of one moment of all cameras each, with their records' timestamps."""
    moments = walking(people, cameras=CAMERAS, each=EACH, fps=FPS, stay=STAY)
    while True:
        yield [(encode(message(frames)), frames[0].captured_at) for frames in islice(moments, size)]


def _views(people: Looks) -> Looks:
    """``(persons, EMBEDDINGS, d)``."""
    random = np.random.default_rng(17)
    raw = [[np.frombuffer(crop(random, look), "<f2") for _ in range(EMBEDDINGS)] for look in people]
    return np.asarray(raw, np.float32)


def _import(number: int, views: Looks) -> ImportPerson:
    return ImportPerson(
        site_id=SITE, command_id=f"bench-{number}", issued_at=START, issued_by="bench",
        source=f"bench:{number}", gallery="bench", person_id=f"person_{number}", model=MODEL,
        embeddings=tuple(view.astype("<f2").tobytes() for view in views),
        first_seen=START - 60_000, last_seen=START - 60_000, cameras=("room1",),
    )  # fmt: skip
