"""What happens on a simulated site: people before cameras whose clocks differ, commands, and broken input."""

import random
from typing import Final

from reid.contracts.codec import encode
from reid.contracts.commands import (
    ConfirmIdentity,
    ForgetPerson,
    MergePersons,
    RejectTrack,
    RenamePerson,
    ResetGallery,
    Tick,
    UnmergePersons,
)
from reid.contracts.detections import CameraStatus
from reid.contracts.events import TrackRef
from reid.contracts.topics import COMMANDS, DETECTIONS
from streams.ports import Record
from tests.unit.domain.story import SITE, START, frame, look, message, person
from tests.unit.streams.memory import MemoryPartition

CAMERA_IDS: Final = ("room1", "room2", "room3")
_BROKEN: Final = (b"{", b"\xff\x00", b'{"type":"reid.detections.v9"}', b'{"type":"reid.detections.v1"}')


class Site:
    """Draws inputs from ``dice``. ``now``: seconds of the story; record timestamps follow it."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._clocks = {camera: dice.choice((0.0, 0.0, -3.0, 45.0)) for camera in CAMERA_IDS}
        self._tracks = dict.fromkeys(CAMERA_IDS, 0)
        self._commands = 0
        self.now = 0.0

    def happen(self, held: MemoryPartition, reports: list[Record]) -> None:
        """One more input, or a few."""
        dice = self._dice
        self.now += dice.choice((0.3, 0.5, 0.5, 2.0, 8.0, 400.0 if dice.random() < 0.1 else 0.4))
        moment = START + round(self.now * 1000)
        kind = dice.random()
        if kind < 0.70:
            held.put(self._frames(), DETECTIONS.name, timestamp=moment)
        elif kind < 0.85:
            held.put(self._command(moment), COMMANDS.name, timestamp=moment)
        elif kind < 0.91:
            held.put(dice.choice(_BROKEN), dice.choice((DETECTIONS.name, COMMANDS.name)), timestamp=moment)
        else:
            reports.append(self._report(moment))
        if dice.random() < 0.05:
            held.put(held.inputs[DETECTIONS.name][-1].value if held.inputs[DETECTIONS.name] else b"")

    def _frames(self) -> bytes:
        dice = self._dice
        camera = dice.choice(CAMERA_IDS)
        if dice.random() < 0.15:
            self._tracks[camera] += 1
        clock = self.now + self._clocks[camera] + (7200.0 if dice.random() < 0.03 else 0.0)
        frames = []
        for number in range(dice.choice((1, 1, 3))):
            people = dice.sample("abcd", dice.choice((0, 1, 1, 2)))
            frames.append(
                frame(
                    camera,
                    clock + number * 0.4,
                    *(
                        person(f"{self._tracks[camera]}{who}", look(who, "e", dice.random() * 0.3))
                        for who in people
                    ),
                )
            )
        return encode(message(*frames))

    def _command(self, moment: int) -> bytes:
        dice = self._dice
        if dice.random() < 0.85:
            self._commands += 1
        base = {"site_id": SITE, "command_id": f"c{self._commands}", "issued_at": moment}
        one, two = (f"person_{START + dice.randrange(3) * 100}_{dice.randrange(3)}" for _ in range(2))
        camera = dice.choice(CAMERA_IDS)
        track = TrackRef(camera, "s1", f"{self._tracks[camera]}{dice.choice('abcd')}")
        made = dice.choice(
            (
                MergePersons(**base, person_id1=one, person_id2=two),
                UnmergePersons(**base, person_id=one, absorbed_id=two),
                RenamePerson(**base, person_id=one, label=f"Name {self._commands}"),
                RejectTrack(**base, person_id=one, track=track),
                ConfirmIdentity(
                    **base, person_id=one, other_id=two, answer=dice.choice(("yes", "no")), score=0.6
                ),
                ConfirmIdentity(**base, person_id=one, track=track),
                Tick(**base),
                ForgetPerson(**base, person_id=one) if dice.random() < 0.3 else Tick(**base),
                ResetGallery(**base, camera_id=camera) if dice.random() < 0.2 else Tick(**base),
            )
        )
        return encode(made)

    def _report(self, moment: int) -> Record:
        camera = self._dice.choice(CAMERA_IDS)
        value = encode(
            CameraStatus(site_id=SITE, camera_id=camera, session="s1", reported_at=moment, state="streaming")
        )
        broken = self._dice.random() < 0.3
        return Record(f"{SITE}/{camera}".encode(), b"no report" if broken else value, [])


BROKEN_REPORT: Final = Record(f"{SITE}/room1".encode(), b"no report", [])
