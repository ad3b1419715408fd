"""The plan of a migration is what the agent will decide; best matches first; nothing twice."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from deploy.migrate import command_of, commands_of, plan, rename
from deploy.migration_report import Outcome, Report
from deploy.old_store import OldPerson, OldStore, Unreadable
from reid.contracts.commands import ImportPerson
from reid.contracts.detections import Model
from reid.domain.policy import Policies
from reid.domain.state import PartitionState
from reid.domain.step import step
from reid.domain.validate import MAX_IMPORTED
from reid.errors import ConfigError, PoisonInput

NOW = 1_790_000_000_000
MODEL = Model("legacy", "1", 8)


def person(gallery: str, name: str, *mix: float, **fields: object) -> OldPerson:
    vector = np.zeros((1, 8))
    vector[0, : len(mix)] = mix
    made = OldPerson(
        key=f"saferoom:persons:{gallery}:{name}",
        gallery=gallery,
        person_id=name,
        label="Visitor-A",
        cameras=(gallery,),
        vectors=vector / np.linalg.norm(vector),
        dropped=0,
        visit_count=1,
        first_seen=NOW - 5000,
        last_seen=NOW - 1000,
        digest=f"{gallery}{name}{mix}",
    )
    return made._replace(**fields)


def commands(*people: OldPerson, attempt: int = 1) -> list[ImportPerson]:
    return [command_of(p, "global", MODEL, attempt, NOW) for p in people]


def outcomes(made: list[ImportPerson], state: PartitionState | None = None) -> dict[str, Outcome]:
    planned = plan(made, state or PartitionState(), Policies())
    return {f"{o.gallery}:{o.person_id}" if o.person_id else o.source: o for _, o in planned}


def test_first_gallery_registers_the_next_merges() -> None:
    found = outcomes(
        commands(person("room2", "x", 1, 0.1), person("room1", "A", 1), person("room1", "B", 0, 1))
    )
    assert {name: o.kind for name, o in found.items()} == {
        "room1:A": "registered",
        "room1:B": "registered",
        "room2:x": "merged",
    }
    assert found["room2:x"].into == "A" and (found["room2:x"].score or 0) > 0.99


def test_best_match_of_a_gallery_takes_the_place_whatever_its_key() -> None:
    made = commands(person("room1", "A", 1), person("room2", "a", 1, 0.9), person("room2", "z", 1, 0.1))
    found = outcomes(made)
    assert found["room2:z"].into == "A"
    assert found["room2:a"].kind == "registered", "alike too, but of the same old gallery"


def test_plan_is_what_the_agent_decides() -> None:
    random = np.random.default_rng(3)
    people = [person(f"room{g}", f"p{n}", *random.normal(size=8)) for g in range(3) for n in range(15)]
    planned = plan(commands(*people), PartitionState(), Policies())
    state = PartitionState()
    kinds = {"registered": 1, "merged": 2}
    for command, outcome in planned:
        sent: ImportPerson = msgspec.json.decode(msgspec.json.encode(command), type=ImportPerson)
        decided = [e for e in step(state, sent, Policies()) if type(e).__name__ != "PolicyAdopted"]
        assert len(decided) == kinds[outcome.kind]
    assert {o.kind for _, o in planned} == set(kinds)


def test_second_migration_has_nothing_to_do() -> None:
    people = [person("room1", "A", 1), person("room2", "x", 1)]
    state = PartitionState()
    plan(commands(*people), state, Policies())
    answered = outcomes(commands(*people), state)
    assert {o.code for o in answered.values()} == {"answered_before"}
    again = [p._replace(digest="visited since") for p in people]
    assert {o.code for o in outcomes(commands(*again), state).values()} == {"already_imported"}
    assert {o.kind for o in outcomes(commands(*people, attempt=2), state).values()} == {
        "registered",
        "merged",
    }


def test_command_follows_from_key_content_and_model_alone() -> None:
    one = person("room1", "A", 1)
    (first,) = commands(one)
    assert command_of(one, "global", MODEL, 1, NOW + 5).command_id == first.command_id
    others = [
        command_of(one._replace(digest="other"), "global", MODEL, 1, NOW),
        command_of(one._replace(key="k"), "global", MODEL, 1, NOW),
        command_of(one, "global", Model("legacy", "2", 8), 1, NOW),
        command_of(one, "global", MODEL, 2, NOW),
    ]
    assert len({first.command_id, *(o.command_id for o in others)}) == 5
    assert others[-1].source == f"{one.key}#2"


def test_many_embeddings_are_thinned_evenly() -> None:
    many = person("room1", "A", 1, vectors=np.eye(8)[np.arange(100) * 8 // 100])
    (command,) = commands(many)
    assert len(command.embeddings) == MAX_IMPORTED
    assert len(set(command.embeddings)) == 8, "of all times"


def test_what_the_agent_could_not_decide_on_is_told_beforehand() -> None:
    store = OldStore()
    store.persons = [person("room 1", "A", 1), person("room1", "B", 1)]
    made, refused = commands_of(store, "global", MODEL, 1, NOW)
    assert [c.person_id for c in made] == ["B"]
    assert refused[0].key == "saferoom:persons:room 1:A" and "gallery" in refused[0].reason
    with pytest.raises(PoisonInput):
        commands(person("room1", "a:b", 1))


def test_cameras_whose_names_have_spaces_could_not_be_migrated_at_all() -> None:
    """Their records stayed behind as unreadable, and nothing told of a way."""
    store = OldStore()
    store.persons = [
        person("front door", "A", 1.0, cameras=("front door", "hall")),
        person("hall", "B", 0.0, 1.0),
    ]
    _, (refused,) = commands_of(store, "global", MODEL, 1, NOW)
    assert refused.reason.endswith("; rename it: --camera 'front door=front-door'")
    before = store.persons[1]
    rename(store, ["front door=entrance"])
    made, unreadable = commands_of(store, "global", MODEL, 1, NOW)
    assert [(c.gallery, c.cameras) for c in made] == [("entrance", ("entrance", "hall")), ("hall", ("hall",))]
    assert not unreadable and made[0].source == "saferoom:persons:front door:A" and store.persons[1] == before


@pytest.mark.parametrize("text", ["front door", "=x", "front door=", "front door=a b", "fron door=entrance"])
def test_a_renaming_that_renames_nothing_is_refused(text: str) -> None:
    store = OldStore()
    store.persons = [person("front door", "A", 1.0)]
    with pytest.raises(ConfigError, match="--camera"):
        rename(store, [text])


def test_report(tmp_path: Path) -> None:
    planned = plan(
        commands(
            person("room1", "A", 1),
            person("room1", "B", 0, 1),
            person("room2", "x", 1),
            person("room3", "y", 1, 1),
            person("room3", "old", 1, first_seen=1, last_seen=2),
        ),
        PartitionState(),
        Policies(),
    )
    report = Report(
        True, 7, MODEL, {"global": 4}, [Unreadable("k", "no embeddings")], 2, [o for _, o in planned]
    )
    plain = report.as_plain()
    assert (plain["registered"], plain["merged"], plain["refused"]) == (3, 1, 1)
    assert plain["galleries"]["room3"] == {"registered": 1, "merged": 0, "rejected": 1}
    report.write(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["unreadable"] == [
        {"key": "k", "reason": "no embeddings"}
    ]
    with pytest.raises(ConfigError, match="--json"):
        report.write(tmp_path / "nowhere" / "report.json")
    console = Console(record=True, width=200)
    report.show(console)
    text = console.export_text()
    assert "room2:x: would be merged into A (1.000" in text
    assert "room3:y: would be registered, alike two persons (0.7" in text
    assert "room3:old: left behind" in text and "k: unreadable, no embeddings" in text
    assert "4 of gallery global left alone" in text and "calibration: none, the raw cosine" in text
