"""Who looks like whom: the index against a plain comparison of all with all, and the routes on top of it."""

import asyncio
import base64
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from api.attributes import MOST_TERMS, TERMS, BadFilter, parsed
from api.search.following import Following
from api.search.index import Appearance, Hit, Index
from api.search.pictures import BadPicture, Seen, kind_of
from api.search.rows import BLOCK, Looks, Rows
from api.search.wanted import Wanted
from projections.changes import Change, Message, SetPerson
from projections.store import MemoryViewStore
from reid.contracts import topics
from reid.contracts.codec import encode
from reid.contracts.detections import Model
from reid.contracts.embedding import cosine, encode_wire, fixed_from_bytes, fixed_to_bytes, to_fixed
from reid.contracts.events import Template
from reid.contracts.views import PersonsChanged
from reid.domain.similarity import calibrated
from reid.errors import Unavailable
from reid.runtime.settings import Settings
from tests.component.api.client import TestClient
from tests.component.api.world import World
from tests.unit.projections.logs import report
from tests.unit.projections.story import SITE, START, forgotten, registered, seen, status, track

DIM = 32


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index is brought up to date, and Redis asked again, without the wait that spares a busy site."""
    for name in ("GATHER_S", "FIRST_BACKOFF_S"):
        monkeypatch.setattr(f"api.search.following.{name}", 0.01)


MODEL = Model("m", "1", DIM, ((0.0, 0.0), (0.5, 0.6), (1.0, 1.0)))
Vector = NDArray[np.int16]


def unit(values: NDArray[np.floating]) -> Vector:
    return to_fixed((values / np.linalg.norm(values)).astype(np.float16))


def looks(*vectors: Vector, crops: float = 1.0) -> Looks:
    return Looks(np.stack(vectors), np.full(len(vectors), crops))


def crowd(persons: int, each: int, seed: int = 0, noise: float = 0.4) -> list[Appearance]:
    """Persons as clusters of templates, ``each`` a person, about centres of their own."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(persons):
        centre = random.standard_normal(DIM)
        vectors = [unit(centre + noise * random.standard_normal(DIM)) for _ in range(each)]
        made.append(
            Appearance(
                person_id=f"p{number}",
                number=number,
                cameras=[f"room{number % 3}"],
                embeddings=[fixed_to_bytes(vector) for vector in vectors],
                models=["m@1"] * each,
                first_seen=1000 * number,
                last_seen=1000 * number + 500,
                attributes={"upper": ("red", "blue", "black")[number % 3], "Bag": "Yes"},
            )
        )
    return made


def naive(
    people: list[Appearance], probes: list[Vector], limit: int, passes: Callable[[Appearance], bool]
) -> list[tuple[str, float]]:
    scored = [
        (max(cosine(vector, probe) for vector in p.probes()["m@1"].vectors for probe in probes), p)
        for p in people
        if passes(p)
    ]
    ranked = sorted(
        scored, key=lambda pair: (-calibrated(pair[0], MODEL.calibration), -pair[0], pair[1].number)
    )
    return [(p.person_id, calibrated(raw, MODEL.calibration)) for raw, p in ranked[:limit]]


def pairs(hits: list[Hit]) -> list[tuple[str, float]]:
    return [(hit.person_id, hit.score) for hit in hits]


ENCODERS = {"m@1": MODEL}


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (Wanted(), lambda p: True),
        (Wanted(since=90_400), lambda p: p.last_seen >= 90_400),
        (Wanted(until=8_000), lambda p: p.first_seen <= 8_000),
        (Wanted(since=10_000, until=20_000), lambda p: p.last_seen >= 10_000 and p.first_seen <= 20_000),
        (Wanted(cameras=("room1", "nowhere")), lambda p: p.cameras == ["room1"]),
        (Wanted(attributes=parsed("upper:RED,blue bag:yes")), lambda p: p.attributes["upper"] != "black"),
        (Wanted(attributes=parsed("upper:dark"), cameras=("room2",)), lambda p: p.cameras == ["room2"]),
        (Wanted(attributes=parsed("upper:dark"), cameras=("room1",)), lambda p: False),
        (Wanted(attributes=parsed("pattern:plain")), lambda p: False),
    ],
)
def test_the_index_finds_whom_a_plain_comparison_finds(
    wanted: Wanted, passes: Callable[[Appearance], bool]
) -> None:
    people, index = crowd(100, 4), Index()
    for person in people:
        index.put(person)
    random = np.random.default_rng(7)
    for count in (1, 3):
        probes = [unit(random.standard_normal(DIM)) for _ in range(count)]
        found = index.search({"m@1": looks(*probes)}, ENCODERS, wanted, 10)
        assert pairs(found.hits) == naive(people, probes, 10, passes)
        assert found.searched == sum(map(passes, people))


def test_persons_change_and_go_and_their_rows_are_used_again() -> None:
    people, index = crowd(60, 3), Index()
    for person in people:
        index.put(person)
    after = crowd(60, 5, seed=1)
    for number in range(0, 60, 2):
        index.drop(f"p{number}")
    index.drop("nobody")
    for person in after[:20]:
        index.put(person)
    now = {p.person_id: p for p in people if p.number % 2} | {p.person_id: p for p in after[:20]}
    probe = unit(np.random.default_rng(3).standard_normal(DIM))
    found = index.search({"m@1": looks(probe)}, ENCODERS, Wanted(), 50)
    assert pairs(found.hits) == naive(list(now.values()), [probe], 50, lambda p: True)
    assert (len(index), index.templates) == (len(now), sum(len(p.embeddings) for p in now.values()))
    cameras = index.search({"m@1": looks(probe)}, ENCODERS, Wanted(cameras=("room0",)), 50)
    assert cameras.searched == sum(p.cameras == ["room0"] for p in now.values())
    held = index.nbytes
    for person in after[:20]:
        index.put(person)
        index.put(crowd(20, 5, seed=2)[0])
    assert index.nbytes == held


def test_without_a_person_and_in_the_order_of_registration_among_equals() -> None:
    index, vector = Index(), unit(np.ones(DIM))
    for number in (2, 0, 1):
        twin = Appearance(f"p{number}", number, embeddings=[fixed_to_bytes(vector)], models=["m@1"])
        index.put(twin)
    found = index.search({"m@1": looks(vector)}, {}, Wanted(), 10, without=("p1", "nobody"))
    raw = cosine(vector, vector)
    assert found.hits == [Hit("p0", min(1.0, raw), raw, "m@1"), Hit("p2", min(1.0, raw), raw, "m@1")]
    assert found.searched == 2


def test_encoders_are_never_mixed_and_each_has_its_calibration() -> None:
    index, vector = Index(), unit(np.ones(DIM))
    turned = unit(np.ones(DIM) + np.arange(DIM) % 2)
    index.put(Appearance("old", 0, embeddings=[fixed_to_bytes(vector)], models=["old@1"]))
    index.put(Appearance("new", 1, embeddings=[fixed_to_bytes(turned)], models=["m@1"]))
    both = Appearance("both", 2, embeddings=[fixed_to_bytes(turned)] * 2, models=["old@1", "m@1"])
    index.put(both)
    raw = cosine(vector, turned)
    probes = dict.fromkeys(("m@1", "old@1", "none@1"), looks(vector))
    found = index.search(probes, ENCODERS, Wanted(), 10).hits
    by_cosine, by_knots = (raw, "old@1"), (calibrated(raw, MODEL.calibration), "m@1")
    better, model = max(by_cosine, by_knots)
    assert [(hit.person_id, hit.score, hit.model) for hit in found] == [
        ("old", min(1.0, cosine(vector, vector)), "old@1"),
        ("new", calibrated(raw, MODEL.calibration), "m@1"),
        ("both", better, model),
    ]
    assert index.search({"m@1": looks(vector[:8])}, ENCODERS, Wanted(), 10).hits == [], "of another length"


def test_what_is_no_vector_is_left_out() -> None:
    good = fixed_to_bytes(unit(np.ones(DIM)))
    odd = Appearance(
        "a", 0, embeddings=[good, b"x", good[:8], good, b""], models=["m@1", "m@1", "m@1", "", "m@1"]
    )
    index = Index()
    index.put(odd)
    assert index.templates == 1
    index.put(Appearance("b", 1, embeddings=[good], models=[]))
    assert (index.templates, len(index)) == (1, 2)


def test_a_sketch_of_many_rows_loses_nobody_that_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoder-like: a few axes hold most of what differs."""
    monkeypatch.setattr("api.search.rows.SHORTLIST", 2_000)
    random = np.random.default_rng(0)
    axes = np.arange(1, 129) ** -0.7
    exact, sketched = Rows(128, 10**9), Rows(128, 1_000)
    centres = random.standard_normal((600, 128)) * axes
    for slot, centre in enumerate(centres):
        for _ in range(4):
            vector = unit(centre + 0.5 * random.standard_normal(128) * axes)
            exact.add(slot, vector, 1.0)
            sketched.add(slot, vector, 1.0)
    sketched.prepare()
    allowed, right = np.ones(600, bool), 0
    for centre in centres[::30]:
        probe = unit(centre + 0.5 * random.standard_normal(128) * axes)
        want = np.argsort(-exact.best(looks(probe), allowed, 10))[:10]
        found = sketched.best(looks(probe), allowed, 10)
        assert np.isneginf(found).sum() > 0, "the sketch left somebody out"
        right += len(set(want) & set(np.argsort(-found)[:10]))
    assert right >= 0.99 * 200


def test_rows_grow_by_blocks_and_a_sketch_with_them() -> None:
    rows, random = Rows(8, 100), np.random.default_rng(1)
    vectors = [unit(random.standard_normal(8)) for _ in range(BLOCK + 50)]
    for slot, vector in enumerate(vectors[:200]):
        rows.add(slot, vector, 1.0)
    rows.prepare()
    for slot, vector in enumerate(vectors[200:], 200):
        rows.add(slot, vector, 1.0)
    allowed = np.ones(len(vectors), bool)
    for slot in (0, 199, 200, BLOCK - 1, BLOCK, BLOCK + 49):
        assert rows.best(looks(vectors[slot]), allowed, 1).argmax() == slot
    rows.remove(BLOCK)
    assert rows.best(looks(vectors[BLOCK]), allowed, 1).argmax() != BLOCK
    assert len(rows) == BLOCK + 49


SIDES = [1.0, 2.0, 3.5, 20.0]


@pytest.mark.parametrize("ours", SIDES)
def test_a_search_takes_into_account_of_how_many_crops_each_side_is(ours: float) -> None:
    encoder = msgspec.structs.replace(MODEL, agreement=0.8)
    index, random = Index(), np.random.default_rng(5)
    people = crowd(40, 4, noise=0.9)
    for person in people:
        person.averaged = [SIDES[(person.number + n) % 4] for n in range(4)]
        index.put(person)
    probes = [unit(random.standard_normal(DIM)) for _ in range(2)]

    def length(crops: float) -> float:
        return (0.8 + 0.2 / crops) ** 0.5

    def as_of_two(person: Appearance) -> float:
        return max(
            cosine(fixed_from_bytes(raw), probe) * length(crops) * length(ours) / length(2) ** 2
            for raw, crops in zip(person.embeddings, person.averaged, strict=True)
            for probe in probes
        )

    best = sorted(people, key=lambda p: (-as_of_two(p), p.number))[:10]
    found = index.search({"m@1": looks(*probes, crops=ours)}, {"m@1": encoder}, Wanted(), 10).hits
    assert [hit.person_id for hit in found] == [p.person_id for p in best]
    assert [hit.raw for hit in found] == pytest.approx([as_of_two(p) for p in best], abs=2e-6)
    assert [hit.score for hit in found] == [calibrated(hit.raw, MODEL.calibration) for hit in found]


def test_a_look_that_grows_is_known_as_of_more_crops() -> None:
    index, vector = Index(), unit(np.ones(DIM))
    probe = unit(np.ones(DIM) + np.arange(DIM) % 2)
    encoders = {"m@1": msgspec.structs.replace(MODEL, agreement=0.8)}
    scores = []
    for crops in (1.0, 4.0, 20.0):
        index.put(Appearance("p", 0, embeddings=[fixed_to_bytes(vector)], models=["m@1"], averaged=[crops]))
        scores.append(index.search({"m@1": looks(probe)}, encoders, Wanted(), 1).hits[0].score)
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == 3


def test_without_calibration_agreement_says_nothing() -> None:
    index, vector = Index(), unit(np.ones(DIM))
    index.put(Appearance("p", 0, embeddings=[fixed_to_bytes(vector)], models=["m@1"], averaged=[1.0]))
    encoders = {"m@1": Model("m", "1", DIM, agreement=0.5)}
    probe = unit(np.ones(DIM) + np.arange(DIM) % 2)
    (hit,) = index.search({"m@1": looks(probe)}, encoders, Wanted(), 1).hits
    assert hit.score == hit.raw == cosine(vector, probe)


# --- filters in words


def test_attributes_in_words() -> None:
    assert parsed("") == () == parsed("  ")
    assert parsed("Upper:Red lower:x")[0] == ("upper", frozenset({"red"}))
    assert parsed('lower:"dark blue"') == (("lower", frozenset({"dark blue"})),)
    assert dict(parsed("upper:dark bag:yes"))["upper"] >= {"black", "navy", "brown"}
    assert dict(parsed("upper:light,red"))["upper"] >= {"white", "red"}
    assert parsed("upper:red,lower:black") == parsed("upper:red lower:black")
    assert re.match(TERMS, 'upper:red,blue lower:"dark blue" bag:yes') and re.match(TERMS, "")
    for bad in (
        "red",
        "upper:",
        ":red",
        'upper:"red',
        "upper:red,,blue",
        "a b:c",
        "upper:red lower",
        "hat:yes",
    ):
        with pytest.raises(BadFilter):
            parsed(bad)
    with pytest.raises(BadFilter, match="at most"):
        parsed("bag:yes " * (MOST_TERMS + 1))


def test_kinds_of_pictures() -> None:
    assert kind_of(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert kind_of(b"\x89PNG\r\n\x1a\n") == "image/png"
    for bad in (b"", b"GIF89a", b"\xff\xd8\xff" + b"0" * 2**23):
        with pytest.raises(BadPicture):
            kind_of(bad)


# --- the routes


def vector_of(axis: int, lean: int = 0, by: float = 0.0) -> Vector:
    values = np.zeros(DIM)
    values[axis], values[lean] = 1.0, by or values[lean]
    return unit(values)


#: Of ``a`` and ``b`` below.
ALIKE = cosine(vector_of(1), vector_of(1, 2, 0.75))


def person(name: str, number: int, *vectors: Vector, at: int = START) -> list[Any]:
    templates = [Template("m@1", fixed_to_bytes(vector), "room1", 0.9) for vector in vectors]
    label = f"Visitor-{name.upper()}"
    events: list[Any] = [registered(name, number, label, at, template=templates[0])]
    for slot, template in enumerate(templates[1:], 1):
        events.append(
            seen(name, label, track("room2", name), at, reason="bound", template=template, slot=slot)
        )
    return events


@pytest.fixture
def world(api_settings: Settings) -> World:
    """``a`` and ``b`` look alike (cosine 0.8), ``c`` like neither."""
    made = World(api_settings)
    made.happens(*person("a", 0, vector_of(1)), *person("b", 1, vector_of(1, 2, 0.75), vector_of(3)))
    made.happens(*person("c", 2, vector_of(5), at=START + 60_000))
    report(made.store, [status("room1", model=MODEL)])
    return made


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with world.client() as made:
        yield made


def wire(vector: Vector) -> str:
    return base64.b64encode(encode_wire(vector.astype(np.float32) / 32767)).decode()


def search(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/search", json={"purpose": "a test", **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [result["person_id"] for result in found["results"]]


def test_by_person(client: TestClient) -> None:
    found = search(client, person_id="a")
    assert ids(found) == ["b", "c"]
    assert found["results"][0] == {
        "person_id": "b",
        "label": "Visitor-B",
        "score": calibrated(ALIKE, MODEL.calibration),
        "cameras": ["room2"],
        "last_seen": START,
        "attributes": {},
        "crop": None,
    }
    assert (found["searched"], found["calibrated"]) == (2, True)
    assert client.post("/search", json={"person_id": "x", "purpose": "y"}).status_code == 404


def test_by_embedding(client: TestClient) -> None:
    found = search(client, embedding=wire(vector_of(3)), model="m@1", limit=1)
    assert ids(found) == ["b"] and found["results"][0]["score"] == 1.0
    body = {"purpose": "p", "embedding": wire(vector_of(3)), "model": "other@1"}
    unknown = client.post("/search", json=body)
    assert (unknown.status_code, "known: m@1" in unknown.text) == (404, True)
    for wrong, why in (
        (body | {"model": "m@1", "embedding": "AAA="}, "declares 32"),
        (body | {"model": "m@1", "embedding": base64.b64encode(bytes(2 * DIM)).decode()}, "all zeros"),
        (body | {"model": "m@1", "embedding": "?"}, "base64"),
        (body | {"person_id": "a"}, ""),
        ({"purpose": "p"}, ""),
        ({"person_id": "a"}, ""),
        ({"purpose": "p", "person_id": "a", "attributes": "red"}, "name:value"),
    ):
        answer = client.post("/search", json=wrong)
        assert (answer.status_code, why in answer.text) == (422, True), answer.text


def test_by_image(client: TestClient, world: World) -> None:
    picture = base64.b64encode(b"\xff\xd8\xff any").decode()
    assert "no person found" in client.post("/search", json={"purpose": "p", "image": picture}).text
    world.pictures.shown = Seen(MODEL, vector_of(5))
    assert ids(search(client, image=picture))[0] == "c"
    assert world.pictures.asked[-1] == b"\xff\xd8\xff any"
    told = world.commands.searches[-1]
    assert (told.kind, told.model, len(told.picture_sha256)) == ("image", "m@1", 64)
    world.pictures.shown = Seen(Model("other", "1", DIM), vector_of(5))
    refused = client.post("/search", json={"purpose": "p", "image": picture})
    assert (refused.status_code, "SAFEROOM_EMBEDDER" in refused.text) == (409, True)
    world.pictures.shown = Unavailable("no embedder")
    assert client.post("/search", json={"purpose": "p", "image": picture}).status_code == 503
    assert client.post("/search", json={"purpose": "p", "image": "%"}).status_code == 422


@pytest.mark.parametrize("agreement", [None, 0.6])
def test_a_picture_is_one_crop_and_a_look_that_grew_many(world: World, agreement: float | None) -> None:
    look = Template("m@1", fixed_to_bytes(vector_of(7)), "room1", 0.8, weight=8.0)
    world.happens(registered("d", 3, "Visitor-D", template=look))
    report(world.store, [status("room1", model=msgspec.structs.replace(MODEL, agreement=agreement))])
    leaning = vector_of(7, 8, 0.75)
    world.pictures.shown = Seen(MODEL, leaning)
    raw = cosine(leaning, vector_of(7))
    if agreement is not None:
        # Squared lengths of means of crops of cosine 0.6: of one 1, of ten 0.6 + 0.4 / 10, of two 0.8.
        raw *= (1.0 * 0.64) ** 0.5 / 0.8
    with world.client() as client:
        found = search(client, image=base64.b64encode(b"\xff\xd8\xff any").decode())
    assert ids(found)[0] == "d" and found["calibrated"]
    assert found["results"][0]["score"] == pytest.approx(calibrated(raw, MODEL.calibration), abs=2e-6)


def test_filters_and_their_place_in_the_audit(client: TestClient, world: World) -> None:
    assert ids(search(client, person_id="a", since=START + 1)) == ["c"]
    assert ids(search(client, person_id="a", until=START + 1)) == ["b"]
    assert ids(search(client, person_id="a", cameras=["room2"])) == ["b"]
    assert ids(search(client, person_id="a", attributes="upper:red")) == []
    everything = {"since": 1, "until": 2**50, "cameras": ["room2"], "attributes": "", "limit": 3}
    answer = client.post(
        "/search",
        json={"person_id": "a", "purpose": "lost child", **everything},
        headers={"X-Asked-By": "desk 2"},
    )
    told = world.commands.searches[-1]
    assert told.search_id == answer.json()["search_id"]
    assert (told.by, told.role, told.purpose) == ("desk 2", "admin", "lost child")
    assert (told.kind, told.person_id, told.results, told.searched) == ("person", "a", ("b",), 1)
    assert (told.since, told.until, told.cameras, told.limit) == (1, 2**50, ("room2",), 3)
    assert b"embedding" not in encode(told) and told.at == world.now


def test_a_blank_purpose_went_into_the_audit(client: TestClient, world: World) -> None:
    for blank in (" ", "\t\n", "\u00a0"):
        answer = client.post("/search", json={"attributes": "upper:red", "purpose": blank})
        assert answer.status_code == 422
        assert "say what the search is for" in str(answer.json()["detail"])
    assert world.commands.searches == []


def walker(name: str, number: int, *sightings: tuple[str, int]) -> list[Any]:
    """Alike in all; seen at these cameras so many minutes after the start, each for half a minute."""
    label, template = f"Visitor-{name}", Template("m@1", fixed_to_bytes(vector_of(1)), "room1", 0.9)
    first = START + 60_000 * sightings[0][1]
    events: list[Any] = [
        registered(name, number, label, first, track=track(sightings[0][0], f"{name}0"), template=template)
    ]
    for place, (camera, minute) in enumerate(sightings):
        at, where = START + 60_000 * minute, track(camera, f"{name}{place}")
        events.append(seen(name, label, where, at, reason="bound"))
        events.append(seen(name, label, where, at + 30_000))
    return events


@pytest.mark.parametrize("few", [0, 2_000], ids=["compared first", "seen first"])
def test_a_span_of_time_is_about_sightings_there_and_then(
    api_settings: Settings, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.search.sightings.FEW_VISITS", few)
    world = World(api_settings)
    world.happens(*walker("a", 0, ("room1", 0), ("room2", 60)), *walker("b", 1, ("room2", 0), ("room1", 60)))
    for number in range(2, 30):
        world.happens(*walker(f"c{number}", number, ("room3", 0), ("room3", 90)))
    probe = {"embedding": wire(vector_of(1)), "model": "m@1"}

    def found(since: float, until: float, *cameras: str, limit: int = 10) -> list[str]:
        span = {"since": START + round(60_000 * since), "until": START + round(60_000 * until)}
        return ids(search(client, **probe, **span, cameras=list(cameras), limit=limit))

    with world.client() as client:
        assert sorted(found(59, 61)) == ["a", "b"], "all were known before and after, two were seen then"
        assert found(59, 61, "room1") == ["b"] and found(59, 61, "room2") == ["a"]
        assert found(0.2, 0.3, "room1") == ["a"], "within a sighting"
        assert found(61, 80) == [] == found(59, 61, "room3")
        assert len(found(0, 100, "room3", limit=100)) == 28
        assert len(found(0, 100, "room3", limit=7)) == 7
        later = {"since": START + 60_000 * 80, "attributes": ""}
        assert len(ids(search(client, **probe, **later, limit=100))) == 28
        audit = world.commands.searches[0]
        assert audit.searched == (2 if few else 30) and audit.results == tuple(sorted(audit.results))


def test_by_attributes_alone_the_latest_first(client: TestClient, world: World) -> None:
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "red")):
        key = topics.person_key(SITE, name)
        document = msgspec.json.decode(world.store.get(key)) | {"attributes": {"upper": colour}}
        changed = [SetPerson(key, msgspec.json.encode(document), world.now)]
        told = Message(topics.persons_channel(SITE), encode(PersonsChanged(person_ids=[name])))
        world.store.commit(Change("x", {}, {}, changed, [told]))
    eventually(lambda: ids(search(client, attributes="upper:red")) == ["c", "a"])
    found = search(client, attributes="upper:red,blue", limit=2)
    assert ids(found) == ["c", "a"] and found["searched"] == 3
    assert [result["score"] for result in found["results"]] == [None, None]
    told = world.commands.searches[-1]
    assert (told.kind, told.attributes, told.results) == ("attributes", "upper:red,blue", ("c", "a"))
    assert ids(search(client, attributes="upper:red", since=START + 30_000)) == ["c"]
    for wrong in ({"purpose": "p", "attributes": ""}, {"purpose": "p", "attributes": "red"}):
        assert client.post("/search", json=wrong).status_code == 422


def test_no_answer_without_the_audit(client: TestClient, world: World) -> None:
    world.commands.away = True
    for answer in (
        client.post("/search", json={"person_id": "a", "purpose": "p"}),
        client.get("/persons/a/similar"),
    ):
        assert answer.status_code == 503
        assert "Visitor" not in answer.text
    assert world.commands.searches == []


def test_look_alikes(client: TestClient, world: World) -> None:
    answer = client.get("/persons/a/similar?limit=1").json()
    score = calibrated(ALIKE, MODEL.calibration)
    assert answer == {"similar": [{"person_id": "b", "label": "Visitor-B", "score": score, "crop": None}]}
    assert (world.commands.searches[-1].kind, world.commands.searches[-1].results) == ("similar", ("b",))
    assert client.get("/persons/nobody/similar").status_code == 404


def test_results_tell_how_somebody_looks_and_where_the_best_picture_is(
    client: TestClient, world: World
) -> None:
    key = topics.person_key(SITE, "b")
    document = msgspec.json.decode(world.store.get(key))
    document |= {
        "attributes": {"upper": "red"},
        "crops": [{"sha256": "9f" * 32, "at": 1}, {"sha256": "0" * 64}],
    }
    changed = [SetPerson(key, msgspec.json.encode(document), world.now)]
    told = Message(topics.persons_channel(SITE), encode(PersonsChanged(person_ids=["b"])))
    world.store.commit(Change("x", {}, {}, changed, [told]))
    eventually(lambda: ids(search(client, person_id="a", attributes="upper:red")) == ["b"])
    best = search(client, person_id="a")["results"][0]
    assert best["attributes"] == {"upper": "red"} and best["crop"] == f"/crops/{'9f' * 32}.jpg"
    assert client.get("/persons/a/similar").json()["similar"][0]["crop"] == best["crop"]


def test_scores_without_a_report_of_the_encoder_are_raw(api_settings: Settings) -> None:
    world = World(api_settings)
    world.happens(*person("a", 0, vector_of(1)), *person("b", 1, vector_of(1, 2, 0.75)))
    with world.client() as client:
        found = search(client, person_id="a")
    assert found["results"][0]["score"] == ALIKE and found["calibrated"] is False


def eventually(condition: Callable[[], bool], seconds: float = 3.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_index_follows_the_views(
    client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ids(search(client, person_id="a")) == ["b", "c"]
    world.happens(*person("d", 3, vector_of(1, 2, 0.1)))
    eventually(lambda: ids(search(client, person_id="a")) == ["d", "b", "c"])
    world.happens(forgotten("d"))
    assert "d" not in ids(search(client, person_id="a")), "who is gone is never in an answer"
    eventually(lambda: search(client, person_id="a")["searched"] == 2)


def test_a_swapped_view_is_read_anew() -> None:
    """Nothing tells of single persons after a rebuild, or while Redis was away."""
    world = World(Settings(api_port=0))
    world.happens(*person("a", 0, vector_of(1)), *person("b", 1, vector_of(2)))
    other = MemoryViewStore()

    async def follow() -> None:
        index = Index()
        following = Following(world.app.state.context.views, index)
        task = asyncio.create_task(following.run())
        try:
            assert await following.ask(Index.persons) == ["a", "b"]
            other._values = {k: v for k, v in world.store._values.items() if not k.endswith(":b")}
            other._values[topics.persons_index_key(SITE)].pop("b")
            world.store._values = other._values
            message = encode(PersonsChanged(all=True))
            told = Message(topics.persons_channel(SITE), message)
            world.store.commit(Change("x", {}, {}, [], [told]))
            for _ in range(300):
                if await following.ask(Index.persons) == ["a"]:
                    break
                await asyncio.sleep(0.01)
            assert await following.ask(Index.persons) == ["a"]
            world.reader.away = True
            await asyncio.sleep(0.02)
            assert await following.ask(Index.persons) == ["a"]
            world.reader.away = False
            world.happens(*person("c", 2, vector_of(3)))
            for _ in range(300):
                if await following.ask(Index.persons) == ["a", "c"]:
                    break
                await asyncio.sleep(0.01)
            assert await following.ask(Index.persons) == ["a", "c"]
        finally:
            task.cancel()
            following.close()

    asyncio.run(follow())


def test_a_redis_that_is_away_was_told_by_the_index_every_two_seconds(
    api_settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.search.following.FIRST_BACKOFF_S", 0.001)
    world = World(api_settings)
    following = Following(world.app.state.context.views, Index())

    async def outages() -> None:
        task = asyncio.create_task(following.run())
        for away in (True, False, True):
            world.reader.away = away
            await asyncio.sleep(0.2)
        task.cancel()

    asyncio.run(outages())
    following.close()
    told = [r for r in caplog.records if r.levelname == "WARNING" and "the search index" in r.message]
    assert len(told) == 2, "once an outage"


def test_while_the_index_is_filled_an_answer_says_so(
    api_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.search.following.PATIENCE_S", 0.01)
    world = World(api_settings)
    world.reader.away = True
    following = Following(world.app.state.context.views, Index())
    with pytest.raises(Unavailable, match="being filled"):
        asyncio.run(following.ask(len))
    following.close()
