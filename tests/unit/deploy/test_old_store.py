"""What the old store may have written, and what is said of the rest."""

import json
from typing import Any

import numpy as np
import pytest

from deploy.legacy_calibration import MIN_PAIRS, calibration_of, measured, strangers_of
from deploy.migrate import command_of
from deploy.old_store import OldPerson, OldStore, parse
from reid.contracts.codec import encode
from reid.contracts.detections import Model
from reid.errors import ConfigError, Malformed

NOW = 1_790_000_000_000
KEY = "saferoom:persons:room1:person_A"
SEED = {
    "person_id": "person_1762344658197_0",
    "label": "Visitor-A",
    "cameras": ["room2", "room3"],
    "embeddings": [[3.0, 4.0, 0.0], [0.0, 0.0, 2.0]],
    "visit_count": 2,
    "first_seen": 1762344658.197,
    "last_seen": 1762350000.5,
}


def old(document: Any, person_id: str = "person_A") -> OldPerson:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return parse(KEY, "room1", person_id, raw, NOW)


def changed(**fields: Any) -> dict[str, Any]:
    return {k: v for k, v in {**SEED, **fields}.items() if v is not ...}


def test_seeds_document() -> None:
    person = old(SEED)
    assert (person.person_id, person.label, person.cameras) == (
        "person_1762344658197_0",
        "Visitor-A",
        ("room2", "room3"),
    )
    assert (person.visit_count, person.first_seen, person.last_seen) == (2, 1762344658197, 1762350000500)
    assert person.vectors == pytest.approx(np.array([[0.6, 0.8, 0.0], [0.0, 0.0, 1.0]]))
    assert person.dropped == 0


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (1762344658, 1762344658000),
        (1762344658197, 1762344658197),
        ("1762344658.197", 1762344658197),
        ("2025-11-05T12:10:58.197Z", 1762344658197),
        ("2025-11-05T13:10:58.197+01:00", 1762344658197),
        ("2025-11-05T12:10:58.197000", 1762344658197),
    ],
)
def test_times(value: Any, ms: int) -> None:
    assert old(changed(first_seen=value)).first_seen == ms


@pytest.mark.parametrize(
    ("fields", "person_id", "first", "last"),
    [
        ({"first_seen": ...}, "p", 1762350000500, 1762350000500),
        ({"last_seen": ...}, "p", 1762344658197, 1762344658197),
        ({"last_seen": 5.0}, "p", 5000, 5000),
        ({"first_seen": ..., "last_seen": ...}, "person_1762344000000_3", 1762344000000, 1762344000000),
        ({"first_seen": ..., "last_seen": None}, "p", NOW, NOW),
        ({"first_seen": True, "last_seen": "noon"}, "p", NOW, NOW),
        ({"first_seen": -1, "last_seen": float("nan")}, "p", NOW, NOW),
        ({"first_seen": 10**400, "last_seen": float("inf")}, "p", NOW, NOW),
        ({"first_seen": ..., "last_seen": ..., "created_at": 7, "updated_at": 9}, "p", 7000, 9000),
    ],
)
def test_missing_times(fields: dict[str, Any], person_id: str, first: int, last: int) -> None:
    person = old(changed(**fields), person_id)
    assert (person.first_seen, person.last_seen) == (first, last)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"person_id": ...}, {"person_id": "person_A"}),
        ({"person_id": 7}, {"person_id": "7"}),
        ({"label": ...}, {"label": ""}),
        ({"label": ..., "name": "Ann"}, {"label": "Ann"}),
        ({"cameras": ...}, {"cameras": ("room1",)}),
        ({"cameras": []}, {"cameras": ("room1",)}),
        ({"cameras": "room9"}, {"cameras": ("room9",)}),
        ({"cameras": {"room2": 3, "room4": 1}}, {"cameras": ("room2", "room4")}),
        ({"visit_count": ...}, {"visit_count": 1}),
        ({"visit_count": "many"}, {"visit_count": 1}),
        ({"visit_count": ..., "visits": [1, 2, 3]}, {"visit_count": 3}),
        ({"visit_count": -4}, {"visit_count": 1}),
        ({"visit_count": 10**400}, {"visit_count": 1}),
    ],
)
def test_other_fields(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    person = old(changed(**fields))._asdict()
    assert {name: person[name] for name in expected} == expected


def test_label_with_half_a_surrogate_pair_broke_off_the_whole_migration() -> None:
    """JSON may have it, UTF-8 not: no command could be written, of no record."""
    model = Model("legacy", "1", 3)
    person = old(changed(label="Anna \ud83d"))._replace(last_seen=NOW - 1)
    assert encode(command_of(person, "global", model, 1, NOW))
    assert person.label == "Anna ?"


@pytest.mark.parametrize("never", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1969-12-31"])
def test_time_that_was_never_set_cost_the_person(never: str) -> None:
    """As a number it is 0, which tells no time; as text it was one, and refused with its record."""
    person = old(changed(first_seen=never))
    assert person.first_seen == person.last_seen == 1762350000500
    assert old(changed(first_seen=never, last_seen=never)).last_seen == NOW


@pytest.mark.parametrize(
    ("listed", "rows", "dropped"),
    [
        ([1.0, 0.0], 1, 0),
        ([[1, 0], [0, 1]], 2, 0),
        ([{"embedding": [1, 0]}, {"vector": [0, 1]}], 2, 0),
        ([[1, 0], [0, 0], [1], ["x", 1], None, [float("nan"), 1], [True, 1], [10**400, 1]], 1, 7),
    ],
)
def test_embeddings(listed: Any, rows: int, dropped: int) -> None:
    person = old(changed(embeddings=listed))
    assert (person.vectors.shape, person.dropped) == ((rows, 2), dropped)
    assert np.linalg.norm(person.vectors, axis=1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (changed(embeddings=...), "no embeddings"),
        (changed(embeddings="abc"), "no embeddings"),
        (changed(embeddings=[]), "no embeddings"),
        (changed(embeddings=[[0.0, 0.0]]), "not all zero"),
        (changed(last_seen=2_000_000_000), "in the future"),
        (changed(number=3, num_embeddings=2), "of this system"),
    ],
)
def test_unreadable(raw: Any, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        old(raw)


def test_key_without_text_is_unreadable() -> None:
    with pytest.raises(Malformed, match="no text"):
        parse(KEY, "room1", "person_A", None, NOW)


def test_most_common_dimension_stays() -> None:
    store = OldStore()
    store.persons = [old(SEED), old(changed(embeddings=[1, 2])), old(changed(embeddings=[1, 2, 3]))]
    store.agree_on_a_dimension()
    assert (len(store.persons), store.dim) == (2, 3)
    assert store.unreadable[0].reason == "embeddings of 2 values, where most have 3"


def gallery(name: str, count: int, common: float, seed: int) -> list[OldPerson]:
    """People who share ``common`` of their looks, as histograms of one room do."""
    random = np.random.default_rng(seed)
    people = []
    for number in range(count):
        look = random.normal(size=32) + common
        vectors = look + 0.1 * random.normal(size=(3, 32))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        people.append(old(SEED)._replace(gallery=name, key=f"{name}:{number}", vectors=vectors))
    return people


def test_one_per_cent_of_strangers_lie_above_the_measured_operating_point() -> None:
    people = gallery("room1", 40, 3.0, 1) + gallery("room2", 40, 3.0, 2)
    strangers = strangers_of(people)
    assert len(strangers) == 2 * 40 * 39, "never one with itself, never across galleries"
    (zero, _), (operating, at), (one, _) = measured(people)
    assert (at, one) == (0.6, 1.0)
    assert (strangers > operating).mean() == pytest.approx(0.01, abs=0.002)
    assert (strangers > zero).mean() == pytest.approx(0.5, abs=0.01)
    assert operating > 0.85, "such strangers are alike: 0.6 raw would make all of them one person"


def test_too_few_strangers_measure_nothing() -> None:
    people = gallery("room1", 10, 3.0, 1) + gallery("room2", 1, 3.0, 2)
    assert len(strangers_of(people)) < MIN_PAIRS
    assert measured(people) == () == measured([])


def test_strangers_that_all_look_the_same_still_give_rising_knots() -> None:
    same = [old(SEED)._replace(key=str(n)) for n in range(20)]
    (zero, _), (operating, _), (one, _) = measured(same)
    assert zero < operating < one


def test_calibration_option() -> None:
    assert calibration_of("raw", []) == ()
    assert calibration_of("0.8:0,0.95:0.6,1:1", []) == ((0.8, 0.0), (0.95, 0.6), (1.0, 1.0))
    with pytest.raises(ConfigError, match="--calibration"):
        calibration_of("0.8", [])
