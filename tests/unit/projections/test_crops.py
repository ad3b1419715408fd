"""Which crops the view names: the best few of each person, through merges, splits and erasure."""

import json
from typing import Any

import pytest

from projections.crops import KEEP
from projections.store import MemoryViewStore
from reid.contracts import topics
from reid.contracts.events import PersonTemplatesAdded
from tests.unit.projections.logs import project
from tests.unit.projections.story import (
    SITE,
    START,
    expired,
    forgotten,
    looks,
    merged,
    registered,
    reset,
    seen,
    split,
    state,
    template,
    track,
)


def sha(name: str) -> str:
    return name.encode().hex().ljust(64, "0")


def shown(person: str, crop: str, quality: float, camera: str = "room1", tracker: str = "1") -> Any:
    where = track(camera, tracker)
    return seen(person, "Visitor", where, START, crop=sha(crop), crop_quality=quality)


def crops(store: MemoryViewStore, person: str) -> list[str]:
    raw = store.get(topics.person_key(SITE, person))
    return [bytes.fromhex(c["sha256"]).rstrip(b"\0").decode() for c in json.loads(raw)["crops"]]


def holders(store: MemoryViewStore) -> dict[str, str]:
    found = store.get(topics.crops_key(SITE)) or {}
    return {bytes.fromhex(s).rstrip(b"\0").decode(): holder.decode() for s, holder in found.items()}


@pytest.fixture
def store() -> MemoryViewStore:
    made = MemoryViewStore()
    project(made, [registered("a", 0, "Visitor-A"), registered("b", 1, "Visitor-B")])
    return made


def test_the_best_are_named_best_first(store: MemoryViewStore) -> None:
    project(store, [shown("a", f"n{q}", q / 10) for q in range(1, 10)])
    assert crops(store, "a") == ["n9", "n8", "n7", "n6", "n5", "n4"]
    assert holders(store) == dict.fromkeys(["n9", "n8", "n7", "n6", "n5", "n4"], "a")


def test_every_camera_has_its_best_before_one_has_its_second(store: MemoryViewStore) -> None:
    project(store, [shown("a", f"n{q}", 0.9, "room1") for q in range(KEEP)])
    project(store, [shown("a", "other", 0.3, "room2"), shown("a", "third", 0.2, "room3")])
    assert {"other", "third"} < set(crops(store, "a"))
    assert len(crops(store, "a")) == KEEP


def test_the_same_crop_again_is_one(store: MemoryViewStore) -> None:
    project(store, [shown("a", "x", 0.5), shown("a", "x", 0.5)], 1)
    assert crops(store, "a") == ["x"]


def test_a_merge_unites_and_its_undoing_parts(store: MemoryViewStore) -> None:
    project(store, [shown("a", "mine", 0.5), shown("b", "yours", 0.9, "room2", "2")])
    project(store, [merged("a", "b", "Visitor-A")])
    assert crops(store, "a") == ["yours", "mine"]
    assert holders(store) == {"mine": "a", "yours": "a"}
    project(store, [split("merge_undone", state("a", 0, "Visitor-A"), state("b", 1, "Visitor-B"))])
    assert (crops(store, "a"), crops(store, "b")) == (["mine"], ["yours"])
    assert holders(store) == {"mine": "a", "yours": "b"}


def test_a_merge_pushes_nobodys_crops_out(store: MemoryViewStore) -> None:
    project(store, [shown("a", f"a{n}", 0.9) for n in range(KEEP)])
    project(store, [shown("b", f"b{n}", 0.4, "room1", "2") for n in range(KEEP)])
    project(store, [merged("a", "b", "Visitor-A")])
    project(store, [split("merge_undone", state("a", 0, "Visitor-A"), state("b", 1, "Visitor-B"))])
    assert len(crops(store, "b")) == KEEP


def test_crops_of_a_moved_track_go_with_it(store: MemoryViewStore) -> None:
    project(store, [shown("a", "mine", 0.5), shown("a", "astray", 0.9, "room2", "2")])
    moved = split("tracks_moved", state("a", 0, "Visitor-A"), state("c", 2, "Visitor-C"), track("room2", "2"))
    project(store, [moved])
    assert (crops(store, "a"), crops(store, "c")) == (["mine"], ["astray"])


def test_crops_of_a_track_that_is_nobody_are_nobodys(store: MemoryViewStore) -> None:
    project(store, [shown("a", "mine", 0.5), shown("a", "astray", 0.9, "room2", "2")])
    project(store, [split("track_rejected", state("a", 0, "Visitor-A"), None, track("room2", "2"))])
    assert (crops(store, "a"), holders(store)) == (["mine"], {"mine": "a"})


@pytest.mark.parametrize("gone", [forgotten("a"), expired("a"), reset("a")])
@pytest.mark.parametrize("batch", [1, 1000])
def test_who_is_gone_leaves_no_crop(store: MemoryViewStore, gone: Any, batch: int) -> None:
    project(store, [shown("a", "x", 0.5), shown("b", "y", 0.5, "room1", "2"), gone], batch)
    assert holders(store) == {"y": "b"}


def test_a_document_that_expired_by_the_clock_still_gives_its_crops_back(store: MemoryViewStore) -> None:
    project(store, [shown("a", "x", 0.5)])
    store._drop(topics.person_key(SITE, "a"))
    project(store, [expired("a")])
    assert holders(store) == {}


def test_a_crop_of_a_track_that_went_over_to_somebody_else_is_both_persons(store: MemoryViewStore) -> None:
    """The holder that the view named was the later one alone, and with it the crop was nobody's."""
    project(store, [shown("a", "both", 0.5)])
    project(store, [shown("b", "both", 0.5)])
    assert holders(store) == {"both": "a b"}
    project(store, [forgotten("b")])
    assert (crops(store, "a"), holders(store)) == (["both"], {"both": "a"})


def members(store: MemoryViewStore, attribute: str, value: str) -> set[str]:
    return set(store.get(topics.attribute_key(SITE, attribute, value)) or ())


def test_persons_are_found_by_how_they_look(store: MemoryViewStore) -> None:
    project(store, [looks("a", "upper", "red"), looks("b", "upper", "red"), looks("a", "lower", "grey")])
    assert members(store, "upper", "red") == {"a", "b"}
    project(store, [looks("a", "upper", "white")])
    assert members(store, "upper", "red") == {"b"}
    assert members(store, "upper", "white") == {"a"}
    raw = json.loads(store.get(topics.person_key(SITE, "a")))
    assert raw["attributes"] == {"upper": "white", "lower": "grey"}
    project(store, [merged("b", "a", "Visitor-B"), forgotten("b")])
    assert not any(members(store, "upper", value) for value in ("red", "white"))


def test_templates_of_another_encoder_replace_the_documents(store: MemoryViewStore) -> None:
    both = (template("a-0"), template("new"))
    project(
        store,
        [PersonTemplatesAdded(site_id=SITE, at=START, person_id="a", model="m@2", templates=both, added=1)],
    )
    raw = json.loads(store.get(topics.person_key(SITE, "a")))
    assert raw["num_embeddings"] == 2
    history = [json.loads(entry) for entry in store.get(topics.history_key(SITE, "a"))]
    assert (history[-1]["kind"], history[-1]["samples"]) == ("templates_added", 1)
