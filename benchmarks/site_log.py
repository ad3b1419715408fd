"""The event log of a busy site, decided by the real domain: people walk between cameras, come back later,
and now and then somebody merges, splits or renames. Deterministic by its seed."""

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from reid.contracts.cloudevents import Causation
from reid.contracts.commands import AnyCommand, MergePersons, RenamePerson, UnmergePersons
from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.embedding import encode_wire
from reid.contracts.events import AnyEvent
from reid.contracts.topics import COMMANDS, DETECTIONS
from reid.domain.policy import Policies
from reid.domain.state import PartitionState
from reid.domain.step import step

SITE: Final = "global"
START: Final = 1_762_344_658_197
DIM: Final = 512
MODEL: Final = Model("bench", "1", DIM)
CAMERAS: Final = 8
#: People in front of a camera at once, and seconds that one stays there.
IN_FRAME: Final = 6
STAY: Final = (20, 90)
#: Seconds between two embeddings of a track once it has an identity.
EMBED: Final = 5

Decided = tuple[Causation, int, AnyEvent]


class _Walk:
    """One person in front of one camera until a second."""

    def __init__(self, who: int, tracker: int, since: int, until: int) -> None:
        self.who, self.tracker, self.since, self.until = who, tracker, since, until


def events(people: int, seed: int = 7) -> Iterator[Decided]:
    """Endless: cause, ordinal, event. ``people``: how many there are in all, more than stand in frames."""
    if people <= CAMERAS * IN_FRAME:
        raise ValueError(f"{CAMERAS * IN_FRAME} people stand in frames at once: give more than that")
    random = np.random.default_rng(seed)
    looks = random.standard_normal((people, DIM))
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    state, policies = PartitionState(), Policies()
    present: list[list[_Walk]] = [[] for _ in range(CAMERAS)]
    inputs = {DETECTIONS.name: 0, COMMANDS.name: 0}
    trackers = second = 0
    while True:
        second += 1
        frames = []
        for camera, walks in enumerate(present):
            walks[:] = [walk for walk in walks if walk.until > second]
            while len(walks) < IN_FRAME:
                walks.append(
                    _Walk(
                        _somebody(random, people, present),
                        trackers,
                        second,
                        second + int(random.integers(*STAY)),
                    )
                )
                trackers += 1
            frames.append(_frame(random, looks, camera, walks, second))
        messages: list[Detections | AnyCommand] = [Detections(SITE, "bench", tuple(frames))]
        if second % 20 == 0:
            messages.append(_asked(random, state, second))
        for message in messages:
            topic = DETECTIONS.name if isinstance(message, Detections) else COMMANDS.name
            cause = Causation(topic, 0, inputs[topic])
            inputs[topic] += 1
            for ordinal, event in enumerate(step(state, message, policies)):
                yield cause, ordinal, event


def at_sites(decided: Iterator[Decided], sites: int) -> Iterator[Decided]:
    """The same events for each of so many sites, each caused by an input of its own: deciding them is most
    of what a long log costs."""
    names = [SITE, *(f"{SITE}-{number}" for number in range(2, sites + 1))]
    for cause, ordinal, event in decided:
        for number, site in enumerate(names):
            own = cause._replace(offset=cause.offset * sites + number)
            yield own, ordinal, msgspec.structs.replace(event, site_id=site)


def _somebody(random: np.random.Generator, people: int, present: list[list[_Walk]]) -> int:
    busy = {walk.who for walks in present for walk in walks}
    while (who := int(random.integers(people))) in busy:
        pass
    return who


def _frame(
    random: np.random.Generator, looks: NDArray[np.float64], camera: int, walks: list[_Walk], second: int
) -> Frame:
    persons = []
    for place, walk in enumerate(walks):
        seen_for = second - walk.since
        embedding = None
        if seen_for < 4 or seen_for % EMBED == 0:
            noisy = looks[walk.who] + 0.02 * random.standard_normal(DIM)
            embedding = encode_wire(noisy / np.linalg.norm(noisy))
        box = (100.0 * place, 50.0, 80.0, 200.0)
        persons.append(Person(walk.tracker, box, 0.9, 0.8, embedding))
    return Frame(f"room{camera + 1}", START + 1000 * second + camera, 1280, 720, "s1", MODEL, tuple(persons))


def _asked(random: np.random.Generator, state: PartitionState, second: int) -> AnyCommand:
    """What an operator would: a merge, its undoing, a new name. Often refused, as in life."""
    site = state.site(SITE)
    at, id_ = START + 1000 * second + 500, f"bench-{second}"
    known = sorted(site.persons)
    who, other = (known[int(random.integers(len(known)))] for _ in range(2))
    if second % 60 == 0 and site.merges:
        absorbed, merge = next(reversed(site.merges.items()))
        return UnmergePersons(
            site_id=SITE, command_id=id_, issued_at=at, issued_by="bench",
            person_id=merge.survivor_id, absorbed_id=absorbed,
        )  # fmt: skip
    if second % 40 == 0:
        return MergePersons(
            site_id=SITE, command_id=id_, issued_at=at, issued_by="bench", person_id1=who, person_id2=other
        )
    return RenamePerson(
        site_id=SITE, command_id=id_, issued_at=at, issued_by="bench", person_id=who, label=f"N {second}"
    )
