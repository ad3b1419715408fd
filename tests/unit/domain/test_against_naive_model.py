"""Random lives of a site, against a model that knows the truth and keeps plain lists.

People look unmistakable here, so the naive model needs no appearance: it is told who stands where. Every
run also proves that the fold of the log is the state, and that no frame ever has one id twice.
"""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from reid.contracts.commands import ForgetPerson, RenamePerson
from reid.contracts.events import PersonSeen
from tests.unit.domain.story import SITE, Story, at, frame, look, person, walk
from tests.unit.domain.test_commands import merge, reset

PEOPLE, CAMERAS = "abcdefg", ("room1", "room2", "room3")
VISIT_GAP_S = 300.0

visits = st.tuples(st.just("visit"), st.sampled_from(PEOPLE), st.sampled_from(CAMERAS))
merges = st.tuples(st.just("merge"), st.sampled_from(PEOPLE), st.sampled_from(PEOPLE))
others = st.one_of(
    st.tuples(st.just("rename"), st.sampled_from(PEOPLE), st.just("")),
    st.tuples(st.just("forget"), st.sampled_from(PEOPLE), st.just("")),
    st.tuples(st.just("reset"), st.just(""), st.sampled_from(CAMERAS)),
    st.tuples(st.just("reset"), st.just(""), st.just("")),
)
lives = st.lists(
    st.tuples(st.one_of(visits, visits, visits, merges, others), st.sampled_from([10.0, 200.0, 400.0])),
    max_size=25,
)


@dataclass
class Record:
    looks: set[str]
    cameras: list[str] = field(default_factory=list)
    visits: int = 0
    started: float = 0.0
    first: float = 0.0
    last: float = -1e9


class NaiveModel:
    def __init__(self) -> None:
        self.records: list[Record] = []

    def of(self, letter: str) -> Record | None:
        return next((r for r in self.records if letter in r.looks), None)

    def visit(self, letter: str, camera: str, bound_at: float) -> None:
        record = self.of(letter)
        if record is None:
            record = Record({letter}, first=bound_at)
            self.records.append(record)
        if bound_at - record.last > VISIT_GAP_S:
            record.visits, record.started = record.visits + 1, bound_at
        record.last = bound_at
        if camera not in record.cameras:
            record.cameras.append(camera)

    def merge(self, one: str, two: str) -> None:
        first, second = self.of(one), self.of(two)
        if first is None or second is None or first is second:
            return
        same_visit = max(first.started, second.started) - min(first.last, second.last) <= VISIT_GAP_S
        first.visits += second.visits - same_visit
        if second.last > first.last:
            first.last, first.started = second.last, second.started
        first.first = min(first.first, second.first)
        first.looks |= second.looks
        first.cameras += [c for c in second.cameras if c not in first.cameras]
        self.records.remove(second)

    def summary(self) -> list[tuple[list[str], int, int, int]]:
        return sorted((r.cameras, r.visits, at(r.first), at(r.last)) for r in self.records)


def _id(story: Story, model: NaiveModel, letter: str, ids: dict[str, str]) -> str:
    """The id under which the story knows a letter's person, or one that nobody has."""
    record = model.of(letter)
    return ids[min(record.looks)] if record else "person_0_999"


@given(lives)
def test_random_lives_equal_the_naive_model(life: list[tuple[tuple[str, str, str], float]]) -> None:
    story, model, ids = Story(), NaiveModel(), {}
    now, tracker = 0.0, 0
    for (what, who, arg), pause in life:
        now += pause
        if what == "visit":
            tracker += 1
            story.when(walk(arg, now, tracker, who))
            model.visit(who, arg, now + 0.8)
            record = model.of(who)
            assert record is not None
            ids |= dict.fromkeys(record.looks, story.event(PersonSeen).person_id)
        elif what == "merge":
            survivor = _id(story, model, who, ids)
            story.when(merge(survivor, _id(story, model, arg, ids), now))
            model.merge(who, arg)
            if merged := model.of(who):
                ids |= dict.fromkeys(merged.looks, survivor)
        elif what == "rename":
            command = RenamePerson(
                site_id=SITE,
                command_id=f"r{now}",
                issued_at=at(now),
                person_id=_id(story, model, who, ids),
                label=f"name {now}",
            )
            story.when(command)
        elif what == "forget":
            person_id = _id(story, model, who, ids)
            story.when(
                ForgetPerson(site_id=SITE, command_id=f"f{now}", issued_at=at(now), person_id=person_id)
            )
            model.records = [r for r in model.records if who not in r.looks]
        else:
            story.when(reset(arg or None, now))
            model.records = [r for r in model.records if arg and arg not in r.cameras]
    found = sorted((p.cameras, p.visit_count, p.first_seen, p.last_seen) for p in story.site.persons.values())
    assert found == model.summary()
    story.fold_equals_state()


crowds = st.lists(
    st.tuples(
        st.sampled_from(CAMERAS),
        st.dictionaries(st.integers(1, 5), st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"))),
        st.sampled_from([0.2, 0.5, 1.5, 7.0]),
    ),
    max_size=40,
)


@given(crowds)
def test_no_frame_ever_has_one_id_on_two_people(
    life: list[tuple[str, dict[int, tuple[str, str]], float]],
) -> None:
    """Trackers that swap people, people that look alike, everybody at once: any frames at all."""
    story, now = Story(), 0.0
    for camera, people, pause in life:
        now += pause
        persons = [person(t, look(a, b, 0.7)) for t, (a, b) in people.items()]
        story.when(frame(camera, now, *persons))
        bound = story.site.camera(camera).bound
        here = [b.person_id for track, b in bound.items() if int(track.tracker_id) in people]
        assert len(here) == len(set(here))
    story.fold_equals_state()
