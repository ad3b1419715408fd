"""Writes the parts of the documents that are computed: one CloudEvents example of each event.

The examples are not typed in: a small scene runs through the real `step`, and what it logged is shown.
"""

import re
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from reid.contracts.cloudevents import Causation, headers_of
from reid.contracts.codec import EVENT_TYPES, encode, type_name
from reid.contracts.commands import (
    AnyCommand,
    ForgetPerson,
    MergePersons,
    RenamePerson,
    ResetGallery,
    Tick,
)
from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.embedding import encode_wire
from reid.contracts.events import AnyEvent
from reid.contracts.topics import COMMANDS, DEFAULT_SITE, DETECTIONS
from reid.domain.policy import Policies
from reid.domain.state import PartitionState
from reid.domain.step import step

START: Final = 1_762_344_658_197
MODEL: Final = Model("example", "1", 4)
BEGIN, END = "<!-- events: begin (make docs) -->", "<!-- events: end -->"


def _walk(camera: str, start: int, tracker: int, axis: int) -> list[Frame]:
    """Three crops of one person with the appearance ``axis``, 0.4 s apart."""
    embedding = encode_wire(np.eye(4, dtype=np.float32)[axis])
    person = Person(tracker, (212.0, 96.0, 58.0, 164.0), 0.91, 0.8, embedding)
    return [Frame(camera, START + start + 400 * i, 640, 480, "19a5", MODEL, (person,)) for i in range(3)]


def _command(kind: type[AnyCommand], seconds: int, **fields: str) -> AnyCommand:
    issued = START + seconds * 1000
    common = {"site_id": DEFAULT_SITE, "command_id": f"c-{seconds}", "issued_at": issued, "issued_by": "desk"}
    command: AnyCommand = msgspec.convert(
        {"type": kind.__struct_config__.tag, **common, **fields}, AnyCommand
    )
    return command


def scene() -> list[tuple[AnyEvent, Causation, int]]:
    """(event, its cause, ordinal) of a scene in which every kind of event that exists today happens."""
    state, log = PartitionState(), []
    first, second = f"person_{START + 800}_0", f"person_{START + 20_800}_1"
    inputs: list[Detections | AnyCommand] = [
        Detections(DEFAULT_SITE, "cameras-1", tuple(_walk("room2", 0, 7, 0))),
        Detections(DEFAULT_SITE, "cameras-1", tuple(_walk("room3", 9_000, 3, 0))),
        Detections(DEFAULT_SITE, "cameras-1", tuple(_walk("room3", 20_000, 4, 1))),
        _command(RenamePerson, 30, person_id=second, label="Night nurse"),
        _command(MergePersons, 31, person_id1=first, person_id2=second),
        _command(MergePersons, 32, person_id1=first, person_id2=second),
        _command(ForgetPerson, 33, person_id=first),
        Detections(DEFAULT_SITE, "cameras-1", tuple(_walk("room1", 40_000, 8, 2))),
        _command(Tick, 91 * 86_400),
        _command(ResetGallery, 91 * 86_400 + 1),
    ]
    for offset, message in enumerate(inputs):
        topic = DETECTIONS.name if isinstance(message, Detections) else COMMANDS.name
        for ordinal, event in enumerate(step(state, message, Policies())):
            log.append((event, Causation(topic, 1, offset), ordinal))
    return log


def events_section() -> str:
    """Markdown: for each event type its fullest example in the scene, as a Kafka record."""
    fullest: dict[str, tuple[AnyEvent, Causation, int]] = {}
    for example in sorted(scene(), key=lambda e: len(encode(e[0]))):
        fullest[type_name(example[0])] = example
    parts = []
    for name in EVENT_TYPES:
        if name not in fullest:
            continue
        event, cause, ordinal = fullest[name]
        headers = "\n".join(f"{k}: {v.decode()}" for k, v in headers_of(event, cause, ordinal))
        value = msgspec.json.format(encode(event), indent=2).decode()
        doc = re.split(r"[.:;]\s", " ".join((type(event).__doc__ or "").split()) + " ")[0]
        parts.append(
            f"<details><summary><code>{name}</code> {doc}</summary>\n\n"
            f"```\nkey: {event.site_id}\n{headers}\n```\n```json\n{value}\n```\n</details>"
        )
    return "\n".join(parts)


def with_events(readme: str) -> str:
    """``readme`` with the section between the two markers made anew."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    return pattern.sub(lambda _: f"{BEGIN}\n{events_section()}\n{END}", readme)


def write(root: Path) -> None:
    """Brings README.md under ``root`` up to date."""
    readme = root / "README.md"
    readme.write_text(with_events(readme.read_text()))
