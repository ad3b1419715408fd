"""Any life of a gallery, in any order, against a naive one: sightings, merges, splits, rejections, renames,
resets, erasures, long silences, restarts. After each step both galleries are the same in every value, the
fold of the events is the state to the byte, and a state that was stored and loaded goes on as the same."""

from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reid.contracts.commands import (
    AnyCommand,
    ForgetPerson,
    MergePersons,
    MoveTracks,
    RejectTrack,
    RenamePerson,
    ResetGallery,
    Tick,
    UnmergePersons,
)
from reid.contracts.detections import Detections, Frame
from reid.contracts.detections import Person as Seen
from reid.contracts.embedding import decode_wire, encode_wire, fixed_to_bytes, to_fixed
from reid.contracts.events import AnyEvent, CommandRejected, TrackRef
from reid.domain.evolve import evolve
from reid.domain.person import Person
from reid.domain.policy import Policies, Policy
from reid.domain.snapshot import dump, load
from reid.domain.state import PartitionState, SiteState
from reid.domain.step import step
from reid.domain.validate import check
from tests.unit.domain.naive_gallery import TTL, NaiveGallery
from tests.unit.domain.naive_person import Look, Track
from tests.unit.domain.story import DIM, MODEL, SITE, START, message

ACTORS, VARIANTS, CAMERAS = "abcd", 3, ("room1", "room2")
LABELS = ("Ada", "Bo", "Visitor-A", "Visitor-B", "Visitor-D")
#: Milliseconds until the next thing happens: within an interval, past it, a track's end, a visit's end.
PAUSES = (300, 1_200, 1_200, 2_500, 7_000, 40_000, 400_000)
#: Who goes, why: erased, tracks end, visits end, the time to live ends, reset of a camera, of all.
GOING = ("forget", "forget", 6_000, 600_000, 600_000, TTL + 1_000, *CAMERAS, None)
#: What a naive gallery knows nothing of: scores that the site itself shifts, looks that grow.
LEFT_OUT: dict[str, Any] = {
    "camera_mean": False,
    "site_scale": False,
    "look_weight": 0.0,
    "doubt_zone": 0.0,
}
#: A tracker may find a track again for so long.
REVIVED_WITHIN = 50_000


def embedding(look: Look) -> bytes:
    """Cosine 1 with itself, 0.852 with another variant of the actor, 0 with any other actor."""
    vector, actor = np.zeros(DIM), ACTORS.index(look[0])
    vector[actor], vector[len(ACTORS) + actor * VARIANTS + look[1]] = 12 / 13, 5 / 13
    return encode_wire(vector)


#: Look -> the template that it leaves.
VECTORS = {
    (actor, n): fixed_to_bytes(to_fixed(decode_wire(embedding((actor, n)), DIM)))
    for actor in ACTORS
    for n in range(VARIANTS)
}


def ref(track: Track) -> TrackRef:
    return TrackRef(track[0], "s1", track[1])


def plain(track: TrackRef) -> Track:
    return track.camera_id, track.tracker_id


actors, variants, pauses = st.sampled_from(ACTORS), st.integers(0, VARIANTS - 1), st.sampled_from(PAUSES)
looks = st.tuples(actors, variants)
#: Drawn evenly, unlike integers, of which hypothesis likes the small ones.
picks = st.sampled_from(range(5 * 7 * 8))


class Gallery(RuleBasedStateMachine):
    """``ids``: every id that was ever given; ``tracks``: each with its actor's look and when it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.folded = PartitionState(), PartitionState()
        self.log: list[AnyEvent] = []
        self.now, self.asked, self.tracker = START, 0, 0
        self.ids: list[str] = []
        self.tracks: dict[Track, Look] = {}
        self.shown: dict[Track, int] = {}

    @initialize(crops=st.sampled_from([1, 1, 2]), first=st.lists(looks, max_size=4))
    def begin(self, crops: int, first: list[Look]) -> None:
        policy = Policy(min_samples=crops, max_samples=crops, ttl=TTL, max_templates=64, **LEFT_OUT)
        self.policies, self.naive = Policies(policy), NaiveGallery(crops)
        for place, (actor, variant) in enumerate(first):
            self.somebody_new(CAMERAS[place % 2], actor, variant, 0, 1_200)

    @property
    def site(self) -> SiteState:
        return self.state.site(SITE)

    def happens(self, what: Detections | AnyCommand) -> list[AnyEvent]:
        check(what)
        events = step(self.state, what, self.policies)
        for event in events:
            evolve(self.folded, event)
        self.log += events
        self.ids += [p for p in self.site.persons if p not in self.ids]
        return events

    def commanded(self, kind: type[AnyCommand], refused: str | None, **fields: object) -> None:
        """The same answer as of the naive gallery: carried out, or refused for the same reason."""
        self.asked += 1
        command = kind(site_id=SITE, command_id=f"c{self.asked}", issued_at=self.now, **fields)  # type: ignore[arg-type]
        (answer,) = [e for e in self.happens(command) if getattr(e, "command_id", None)]
        code = answer.code if isinstance(answer, CommandRejected) else None
        assert code == refused, f"{answer}"

    def anybody(self, pick: int, tracks: int = 0) -> str:
        """Mostly somebody who is there, with so many tracks if there is one; else an id of the past."""
        living = [who for who, p in self.naive.persons.items() if len(p["spans"]) >= tracks]
        return living[pick % len(living)] if living and pick < 250 else self.ids[pick % len(self.ids)]

    @rule(camera=st.sampled_from(CAMERAS), actor=actors, variant=variants, others=picks, pause=pauses)
    def somebody_new(self, camera: str, actor: str, variant: int, others: int, pause: int) -> None:
        self.tracker += 1
        track = camera, str(self.tracker)
        self.tracks[track] = actor, variant
        for _ in range(self.naive.crops):
            self._frame(camera, others, track, 100)
        self.now += pause

    @precondition(lambda self: self.shown)
    @rule(pick=picks, others=picks, pause=pauses, times=st.integers(1, 4), swapped=st.none() | looks)
    def somebody_again(self, pick: int, others: int, pause: int, times: int, swapped: Look | None) -> None:
        """A track is there still, or again; ``swapped``: the tracker took somebody else for it."""
        self.now += pause
        recent = self._recent()
        if not recent:
            return
        track = recent[pick % len(recent)]
        # Not while its evidence is gathered: a mean of two looks is neither.
        if swapped and track in self.naive.bound:
            self.tracks[track] = swapped
        for _ in range(times):
            self._frame(track[0], others, track, 1_100)

    def _recent(self) -> list[Track]:
        return [track for track, at in self.shown.items() if self.now - at <= REVIVED_WITHIN]

    def _frame(self, camera: str, others: int, crop: Track, pause: int) -> None:
        """``others``, as bits: who else of the camera's recent tracks is in the frame."""
        self.now += pause
        recent = [t for t in self._recent() if t[0] == camera and t != crop]
        shown = [*[t for n, t in enumerate(recent) if others >> n & 1][:3], crop]
        box, look = (10.0, 20.0, 40.0, 100.0), self.tracks[crop]
        people = [Seen(t[1], box, embedding=embedding(look) if t == crop else None) for t in shown]
        self.happens(message(Frame(camera, self.now, 640, 480, "s1", MODEL, tuple(people))))
        self.naive.frame(camera, self.now, shown, crop, look)
        self.shown |= dict.fromkeys(shown, self.now)
        bound = self.site.camera(camera).bound
        here = [bound[ref(t)].person_id for t in shown if ref(t) in bound]
        assert len(here) == len(set(here)), "two tracks of one frame are one person"

    @precondition(lambda self: len(self.naive.persons) > 1)
    @rule(one=picks, two=picks)
    def merge(self, one: int, two: int) -> None:
        first, second = self.anybody(one), self.anybody(two)
        if first == second and one % 8:
            second = next(who for who in self.naive.persons if who != first)
        self.commanded(MergePersons, self.naive.merge(first, second), person_id1=first, person_id2=second)

    @precondition(lambda self: self.naive.merges)
    @rule(pick=picks)
    def undo_a_merge(self, pick: int) -> None:
        merges = self.naive.merges
        merge = merges[-1] if pick % 3 else merges[pick % len(merges)]
        first, second = merge["survivor"], merge["absorbed"] if pick % 20 else self.ids[pick % len(self.ids)]
        refused = self.naive.unmerge(first, second)
        self.commanded(UnmergePersons, refused, person_id=first, absorbed_id=second)
        if refused is None:
            self._relations_came_back(first, second)

    def _relations_came_back(self, *restored: str) -> None:
        """Whom both were known to differ from, they do, whoever holds that id now. Which of the two a
        relation of the time between belongs to, nobody knows: there the real gallery's word is taken."""
        for who in restored:
            found = self.site.persons[who].not_persons
            assert {o for o in self.naive.persons[who]["differs"] if o in self.naive.persons} <= found
        both = set().union(*(self.site.persons[who].not_persons for who in restored))
        had = {o for who in restored for o in self.naive.persons[who]["differs"]}
        assert {h for h in map(self.naive.holder, had) if h} - {*restored} <= both
        for who, person in self.naive.persons.items():
            person["differs"] = set(self.site.persons[who].not_persons)

    @precondition(lambda self: self.naive.persons)
    @rule(pick=picks, into=st.none() | picks, which=st.integers(1, 7))
    def move_tracks(self, pick: int, into: int | None, which: int) -> None:
        who = self.anybody(pick, tracks=2)
        tracks = {t for n, t in enumerate(sorted(self._tracks_of(who))) if which >> n & 1}
        target = None if into is None else self.anybody(into)
        refused = self.naive.move(who, tracks, target)
        named = tuple(ref(t) for t in tracks)
        self.commanded(MoveTracks, refused, person_id=who, tracks=named, into=target)

    @precondition(lambda self: self.naive.persons)
    @rule(pick=picks, which=picks)
    def reject_a_track(self, pick: int, which: int) -> None:
        who = self.anybody(pick, tracks=2)
        tracks = sorted(self._tracks_of(who)) or [("room1", "0")]
        track = tracks[which % len(tracks)]
        refused = self.naive.move(who, {track}, None, rejected=True)
        self.commanded(RejectTrack, refused, person_id=who, track=ref(track))

    def _tracks_of(self, who: str) -> list[Track]:
        return list(self.naive.persons[who]["spans"]) if who in self.naive.persons else list(self.tracks)

    @precondition(lambda self: self.ids)
    @rule(pick=picks, label=st.sampled_from(LABELS))
    def rename(self, pick: int, label: str) -> None:
        who = self.anybody(pick)
        self.commanded(RenamePerson, self.naive.rename(who, label), person_id=who, label=label)

    @precondition(lambda self: self.ids)
    @rule(what=st.sampled_from(GOING), pick=picks)
    def somebody_goes(self, what: str | int | None, pick: int) -> None:
        """Forgotten, or with a reset, or not seen for so long."""
        if what == "forget":
            who = self.anybody(pick)
            self.commanded(ForgetPerson, self.naive.forget(who), person_id=who)
        elif isinstance(what, int):
            self.now += what
            self.happens(Tick(site_id=SITE, command_id=f"t{self.now}", issued_at=self.now))
            self.naive.absences(self.now)
        else:
            self.naive.reset(what)
            self.commanded(ResetGallery, None, camera_id=what)

    @rule()
    def restart(self) -> None:
        """Goes on from a stored state."""
        self.state = load(dump(self.state))

    @invariant()
    def persons_are_the_same(self) -> None:
        if hasattr(self, "naive"):
            found = {who: told(person) for who, person in self.site.persons.items()}
            wanted = {who: plainly(person) for who, person in self.naive.persons.items()}
            for who in found.keys() | wanted.keys():
                assert found.get(who) == wanted.get(who)
            owners = [(t, b.person_id) for c in self.site.cameras.values() for t, b in c.bound.items()]
            assert {plain(t): who for t, who in owners} == {t: b["who"] for t, b in self.naive.bound.items()}

    @invariant()
    def labels_and_relations_hold(self) -> None:
        persons = self.site.persons
        assert len({p.label for p in persons.values()}) == len(persons)
        for who, person in persons.items():
            assert who not in person.not_persons
            assert all(who in persons[other].not_persons for other in person.not_persons)

    @invariant()
    def fold_and_snapshot_are_the_state(self) -> None:
        stored = dump(self.state)
        assert dump(self.folded) == stored
        assert dump(load(stored)) == stored

    def teardown(self) -> None:
        again = PartitionState()
        for event in self.log:
            evolve(again, event)
        assert dump(again) == dump(self.state)


def told(person: Person) -> dict[str, object]:
    templates = [(t.vector, plain(t.track)) for t in person.templates if t.track]
    return {
        "id": person.person_id,
        "number": person.number,
        "label": person.label,
        "cameras": person.cameras,
        "visits": person.visit_count,
        "started": person.visit_started_at,
        "first": person.first_seen,
        "last": person.last_seen,
        "camera": person.last_camera,
        "spans": [
            (plain(s.track), (s.first_at, s.last_at)) for s in sorted(person.tracks, key=lambda s: s.track)
        ],
        "templates": sorted(templates),
        "differs": person.not_persons,
    }


def plainly(person: dict[str, Any]) -> dict[str, object]:
    templates = sorted((VECTORS[look], track) for look, track in person["templates"])
    return {**person, "spans": sorted(person["spans"].items()), "templates": templates}


TestGallery = Gallery.TestCase
#: A life is as much work as some examples of the other properties.
TestGallery.settings = settings(
    max_examples=max(settings().max_examples * 2 // 3, 1), stateful_step_count=40, deadline=None
)
