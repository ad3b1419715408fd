"""The gallery watches itself: one look that fits none of its person's others is taken out alone."""

import msgspec
import numpy as np
import pytest

from reid.contracts.commands import AddTemplates, Shown
from reid.contracts.embedding import encode_wire
from reid.contracts.events import PersonSeen, PersonSplit, PersonState, PersonTemplateRemoved, Template
from reid.domain.person import Merge, Person
from reid.domain.poisoning import without
from reid.domain.policy import Policy
from reid.domain.snapshot import digest, dump, load
from reid.domain.state import SiteState
from tests.unit.domain.story import DIM, MODEL, SITE, Story, at, frame, person
from tests.unit.domain.test_commands import merge
from tests.unit.domain.test_undo import unmerge

CROP = "0" * 64
CALM = Policy(break_margin=99.0, merge_margin=99.0, better_margin=99.0)


def varied(axis: int, seed: int, noise: float = 0.25) -> bytes:
    """A look of the person ``axis``."""
    vector = np.random.default_rng(seed).normal(size=DIM) * noise / np.sqrt(DIM)
    vector[axis] += 1.0
    return encode_wire(vector / np.linalg.norm(vector))


def passes(story: Story, tracker: int, axis: int, start: float, camera: str = "room1") -> Story:
    for i in range(3):
        story.when(frame(camera, start + 0.4 * i, person(tracker, varied(axis, tracker * 10 + i))))
    return story


def shown(story: Story, who: str, number: int, *looks: bytes) -> None:
    """Somebody adds crops to a person; those of somebody else poison it."""
    added = tuple(Shown(look, "room1", 0.9, CROP) for look in looks)
    story.when(
        AddTemplates(
            site_id=SITE,
            command_id=f"t{number}",
            issued_at=at(30),
            person_id=who,
            model=MODEL,
            shown=added,
        )
    )


def poisoned(policy: Policy = CALM, wrong: tuple[int, ...] = (5,)) -> tuple[Story, str]:
    """A person of axis 0 with four looks of its own and those of others, at a site that knows some people."""
    story = Story(policy)
    for axis in range(4):
        passes(story, axis, axis, 40.0 * axis)
    who = next(iter(story.site.persons))
    right = [varied(0, 900 + n, 0.5) for n in range(3)]
    shown(story, who, 1, *right, *(varied(axis, 800 + axis) for axis in wrong))
    return story, who


def test_the_look_that_fits_none_goes_alone_and_with_evidence() -> None:
    story, who = poisoned()
    count = len(story.site.persons[who].templates)
    passes(story, 50, 0, 400, "room2").fold_equals_state()
    (removed,) = story.all(PersonTemplateRemoved)
    assert (removed.person_id, removed.label, removed.left) == (who, "Visitor-A", count - 1)
    assert story.event(PersonSeen).slot is None, "that look was known"
    decision = removed.decision
    assert decision.reason == "template_disagrees" and decision.candidate == who
    assert decision.score < decision.threshold < 0.3 and decision.samples == count
    kept = story.site.persons[who].templates
    assert removed.template not in kept and len(kept) == count - 1
    assert story.labels()["room2/50"] == "Visitor-A", "no track goes with it"
    passes(story, 51, 5, 500, "room2")
    assert story.labels()["room2/51"] != "Visitor-A", "whom it showed is nobody's look-alike any more"
    assert digest(load(dump(story.state))) == digest(story.state)


@pytest.mark.parametrize(
    ("policy", "wrong"),
    [
        (CALM, ()),
        (CALM, (5, 6)),
        (msgspec.structs.replace(CALM, poison_margin=99.0), (5,)),
        (msgspec.structs.replace(CALM, revisions_per_minute=0), (5,)),
        (msgspec.structs.replace(CALM, revise=False), (5,)),
    ],
)
def test_nothing_goes_where_all_agree_or_nobody_knows_who_is_right(
    policy: Policy, wrong: tuple[int, ...]
) -> None:
    story, _ = poisoned(policy, wrong)
    passes(story, 50, 0, 400, "room2").fold_equals_state()
    assert not story.all(PersonTemplateRemoved)


def test_it_counts_as_a_revision_of_that_minute() -> None:
    story, _ = poisoned(msgspec.structs.replace(CALM, revisions_per_minute=1))
    passes(story, 50, 0, 400, "room2")
    (removed,) = story.all(PersonTemplateRemoved)
    assert story.site.revisions.made_at == [removed.at]


def test_undoing_a_merge_does_not_bring_it_back() -> None:
    story, who = poisoned(wrong=())
    passes(story, 40, 7, 300, "room3")
    other = list(story.site.persons)[-1]
    story.given(merge(who, other, 350))
    passes(story, 50, 0, 400, "room2")
    (removed,) = story.all(PersonTemplateRemoved)
    assert removed.template in story.site.merges[other].absorbed.templates, "all that is known of the other"
    story.given(unmerge(who, other, 450)).then(PersonSplit)
    assert removed.template not in story.site.persons[who].templates
    assert removed.template in story.site.persons[other].templates
    story.fold_equals_state()


def test_it_goes_from_all_that_its_person_was_made_of() -> None:
    site = SiteState()
    good, bad = (Template("m@1", bytes([n, 0, 0, 0]), "room1", 1.0) for n in (1, 2))

    def one(who: str, *templates: Template) -> PersonState:
        return msgspec.structs.replace(Person(who, 0, who).state(), templates=templates)

    site.merges = {
        "b": Merge("a", one("a", good), one("b", good, bad)),
        "c": Merge("b", one("b", good, bad), one("c", bad)),
        "y": Merge("x", one("x", good, bad), one("y", good)),
    }
    without(site, "a", bad)
    assert site.merges["b"].absorbed.templates == (good,)
    assert (site.merges["c"].survivor.templates, site.merges["c"].absorbed.templates) == ((good,), (bad,))
    assert site.merges["y"].survivor.templates == (good, bad), "of somebody else"
