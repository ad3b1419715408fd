"""Whatever happens, in whatever batches: the derived keys say what the documents say."""

import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from projections.store import MemoryViewStore
from projections.tracks import parse_track
from tests.unit.projections.logs import project
from tests.unit.projections.story import (
    START,
    expired,
    forgotten,
    left,
    merged,
    registered,
    renamed,
    reset,
    sampled,
    seen,
    split,
    state,
    template,
    track,
)

PEOPLE = st.sampled_from(["a", "b", "c", "d"])
TRACKS = st.builds(track, st.sampled_from(["room1", "room2", "x/y:z"]), st.sampled_from(["1", "2"]))
TIMES = st.integers(START, START + 100_000)
EVENTS = ["register", "see", "see", "see", "sample", "leave", "merge", "split", "rename", "go", "reset"]
NUMBERS = {"a": 0, "b": 1, "c": 2, "d": 3}


@st.composite
def an_event(draw: st.DrawFn) -> Any:
    """Any event on few people and tracks, also such as the agent would not write: unregistered persons,
    tracks that change hands without a `PersonLeft`, registrations twice."""
    who, other, where, at = draw(PEOPLE), draw(PEOPLE), draw(TRACKS), draw(TIMES)
    label = f"Visitor-{who}"
    match draw(st.sampled_from(EVENTS)):
        case "register":
            return registered(who, NUMBERS[who], label, at, track=where)
        case "see":
            slot = draw(st.one_of(st.none(), st.integers(0, 3)))
            stored = None if slot is None else template(f"{who}{at}")
            return seen(
                who, label, where, at, slot=slot, template=stored, visit_count=draw(st.integers(1, 3))
            )
        case "leave":
            return left(who, label, where, at)
        case "merge":
            if who == other:
                return forgotten(who)
            cameras = tuple(dict.fromkeys(draw(st.lists(st.sampled_from(["room1", "room2"]), min_size=1))))
            return merged(who, other, label, cameras=cameras, last_camera=cameras[-1], last_seen=at)
        case "sample":
            return sampled(where, at)
        case "split":
            return a_split(draw, who, other, at)
        case "rename":
            return renamed(who, draw(st.sampled_from(["Alice", "Bob", "Visitor-Ä"])))
        case "go":
            return draw(st.sampled_from([forgotten(who), expired(who)]))
    return reset(who, other)


def a_split(draw: st.DrawFn, who: str, other: str, at: int) -> Any:
    """Of persons known, unknown or merged away; of tracks that the person has, or another, or nobody."""
    kind = draw(st.sampled_from(["merge_undone", "tracks_moved", "track_rejected"]))
    cameras = st.lists(st.sampled_from(["room1", "room2"]), max_size=2, unique=True).map(tuple)
    one = state(who, NUMBERS[who], f"Visitor-{who}", cameras=draw(cameras), last_seen=at)
    another = None
    if who != other and (kind != "track_rejected" or draw(st.booleans())):
        another = state(other, NUMBERS[other], f"Visitor-{other}", cameras=draw(cameras), last_seen=at)
    return split(kind, one, another, *draw(st.lists(TRACKS, max_size=3, unique=True)), at=at)


@given(st.lists(an_event(), max_size=40), st.integers(1, 12))
def test_documents_and_derived_keys_agree(events: list[Any], batch: int) -> None:
    whole, parts = MemoryViewStore(), MemoryViewStore()
    project(whole, events)
    project(parts, events, batch)
    found = parts.dump("saferoom:")
    assert found == whole.dump("saferoom:")
    people = {
        k.rsplit(":", 1)[1]: json.loads(v) for k, v in found.items() if k.startswith("saferoom:persons:")
    }
    assert sorted(people) == sorted(found.get("saferoom:tallies:global", {}))
    assert [people[p]["number"] for p in found.get("saferoom:index:global", [])] == sorted(
        person["number"] for person in people.values()
    )
    sums: dict[str, Counter[str]] = {}
    for person in people.values():
        for camera in person["cameras"]:
            place = sums.setdefault(camera, Counter())
            place["persons"] += 1
            place["embeddings"] += person["num_embeddings"]
            place["visits"] += person["visit_count"]
    stats = "saferoom:stats:global:"
    stored = {k.removeprefix(stats): v for k, v in found.items() if k.startswith(stats)}
    assert {c: {k: int(v) for k, v in s.items()} for c, s in stored.items()} == {
        camera: {k: place[k] for k in ("embeddings", "persons", "visits")} for camera, place in sums.items()
    }
    assert found.get("saferoom:person-cameras:global", []) == sorted(sums)
    for camera in sums:
        assert found[f"saferoom:by-camera:global:{camera}"] == sorted(
            id_ for id_, person in people.items() if camera in person["cameras"]
        )
    live = "saferoom:live:global:"
    shown = {
        (k.removeprefix(live), name): json.loads(raw)
        for k, v in found.items()
        if k.startswith(live)
        for name, raw in v.items()
    }
    claimed = {parse_track(name): person for person in people.values() for name in person["tracks"]}
    assert {place: (t["person_id"], t["label"]) for place, t in shown.items()} == {
        place: (person["person_id"], person["label"]) for place, person in claimed.items()
    }
    erasable = {id_ for person in people.values() for id_ in (person["person_id"], *person["absorbed"])}
    history = "saferoom:history:global:"
    assert {k.removeprefix(history) for k in found if k.startswith(history)} <= erasable
    for person in people.values():
        last = parse_track(person["tracks"][-1])[0] if person["tracks"] else None
        assert person["current_camera"] == last
