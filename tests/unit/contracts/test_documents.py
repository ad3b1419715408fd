"""The published documents say what the contracts say, and every message ever published is still read."""

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from deploy import contract_documents
from deploy.contract_documents import ASYNCAPI, HISTORY, SCHEMAS, broken, history, stale, write
from deploy.scene import examples, scene
from reid.contracts.asyncapi import EVENT_HEADERS, LETTER_HEADERS
from reid.contracts.cloudevents import headers_of
from reid.contracts.codec import ALERT_TYPES, COMMAND_TYPES, EVENT_TYPES
from reid.contracts.schemas import MESSAGE_TYPES, json_schema, urn
from reid.contracts.topics import ALL_TOPICS, INPUT_TOPICS
from reid.errors import ConfigError, Malformed
from streams.inputs import dead_letter
from streams.ports import Input

ROOT = Path(__file__).parents[3]
VENDORED = ROOT / "tests" / "vendor" / "asyncapi" / "3.0.0.json"


@pytest.fixture(scope="module")
def asyncapi() -> dict[str, Any]:
    content: dict[str, Any] = yaml.load(
        (ROOT / ASYNCAPI).read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    return content


#: As if there were no other types.
FEW = {name: MESSAGE_TYPES[name] for name in ("reid.person.left.v1", "reid.person.expired.v1")}


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The documents of a few types, to be changed."""
    monkeypatch.setattr(contract_documents, "MESSAGE_TYPES", FEW)
    for name in FEW:
        shutil.copytree(ROOT / HISTORY / name, tmp_path / HISTORY / name)
        shutil.copy(ROOT / SCHEMAS / f"{name}.json", tmp_path / SCHEMAS)
    shutil.copy(ROOT / ASYNCAPI, tmp_path / ASYNCAPI)
    return tmp_path


def test_committed_documents_are_current() -> None:
    assert stale(ROOT) == [], "run `saferoom docs`"


def test_every_published_shape_is_still_read() -> None:
    assert broken(ROOT) == []
    assert {path.name for path in (ROOT / HISTORY).iterdir()} >= set(MESSAGE_TYPES)


@pytest.fixture(scope="module")
def checked() -> set[str]:
    """Definitions that were found valid: many messages have the same."""
    return set()


@pytest.mark.parametrize("name", MESSAGE_TYPES)
def test_schemas_are_valid_and_named(name: str, checked: set[str]) -> None:
    schema = json.loads((ROOT / SCHEMAS / f"{name}.json").read_text())
    parts = [schema | {"$defs": {}}, *schema.get("$defs", {}).values()]
    for part in {json.dumps(part) for part in parts} - checked:
        jsonschema.Draft202012Validator.check_schema(json.loads(part))
        checked.add(part)
    assert schema["$id"] == f"urn:saferoom:schema:{name}" == urn(name)
    assert schema["properties"]["type"] == {"enum": [name]}


def test_every_message_of_the_scene_is_what_its_schema_says() -> None:
    validators = {n: jsonschema.Draft202012Validator(json_schema(k)) for n, k in MESSAGE_TYPES.items()}
    met = set()
    for example in examples():
        validators[example.type].validate(json.loads(example.value))
        met.add(example.type)
    others = {"reid.detections.v1", "reid.zone.report.v1", "reid.camera.status.v1", "reid.picture.v1"}
    others |= {"reid.audit.search.v1"}
    assert met == {*EVENT_TYPES, *COMMAND_TYPES, *ALERT_TYPES, *others}
    with pytest.raises(jsonschema.ValidationError):
        validators["reid.person.left.v1"].validate({"type": "reid.person.left.v1", "at": "noon"})


def test_write_puts_right_what_is_wrong_and_nothing_else(copy: Path) -> None:
    name = "reid.person.left.v1.json"
    (copy / SCHEMAS / name).write_text("{}")
    (copy / SCHEMAS / "reid.person.flown.v1.json").write_text("{}")
    expected = [str(SCHEMAS / "reid.person.flown.v1.json"), str(SCHEMAS / name)]
    assert stale(copy) == expected == write(copy)
    assert stale(copy) == [] == write(copy)
    assert (copy / SCHEMAS / name).read_text() == (ROOT / SCHEMAS / name).read_text()


def test_a_compatible_change_adds_a_shape_and_keeps_the_old(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "reid.person.expired.v1"
    grown = msgspec.defstruct(
        "PersonExpired",
        [("site_id", str), ("at", int), ("person_id", str), ("last_seen", int), ("days", int, 0)],
        tag_field="type",
        tag=name,
    )
    monkeypatch.setattr(contract_documents, "MESSAGE_TYPES", {**FEW, name: grown})
    before = history(copy, name)
    assert write(copy) == [str(HISTORY / name / "2.json"), str(SCHEMAS / f"{name}.json")]
    assert history(copy, name)[:1] == before and len(history(copy, name)) == 2


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ([("site_id", str), ("at", int), ("person_id", str)], "last_seen: gone"),
        (
            [("site_id", str), ("at", int), ("person_id", str), ("last_seen", int), ("days", int)],
            "days: new without a default",
        ),
    ],
)
def test_a_breaking_change_is_refused_and_changes_nothing(
    copy: Path, monkeypatch: pytest.MonkeyPatch, fields: list[Any], says: str
) -> None:
    name = "reid.person.expired.v1"
    changed = msgspec.defstruct("PersonExpired", fields, tag_field="type", tag=name)
    monkeypatch.setattr(contract_documents, "MESSAGE_TYPES", {**FEW, name: changed})
    with pytest.raises(ConfigError, match=f"{name}, shape 1: {says}.*next version"):
        write(copy)
    assert (copy / SCHEMAS / f"{name}.json").read_text() == (ROOT / SCHEMAS / f"{name}.json").read_text()


def test_older_shapes_count_too(copy: Path) -> None:
    """BACKWARD_TRANSITIVE: a field that only the first of two shapes had is missed."""
    folder = copy / HISTORY / "reid.person.expired.v1"
    first = json.loads((folder / "1.json").read_text())
    (folder / "2.json").write_text((folder / "1.json").read_text())
    first["properties"]["camera_id"] = {"type": "string"}
    (folder / "1.json").write_text(json.dumps(first))
    assert broken(copy) == ["reid.person.expired.v1, shape 1: camera_id: gone"]


def test_a_type_that_is_gone_needs_an_upcaster(copy: Path) -> None:
    (copy / HISTORY / "reid.person.flown.v1").mkdir()
    assert broken(copy) == ["reid.person.flown.v1: gone without an upcaster"]


# --- AsyncAPI


def test_asyncapi_is_valid(asyncapi: dict[str, Any]) -> None:
    validator = jsonschema.Draft7Validator(json.loads(VENDORED.read_text()))
    assert [error.message for error in validator.iter_errors(asyncapi)] == []
    asyncapi = {**asyncapi, "channels": {"x": {"address": 7}}}
    assert not validator.is_valid(asyncapi), "the vendored schema says no to nothing"


def test_every_reference_leads_somewhere(asyncapi: dict[str, Any]) -> None:
    found = list(_references(asyncapi))
    assert len(found) > 2 * len(MESSAGE_TYPES)
    for reference in found:
        file, _, pointer = reference.partition("#")
        content = json.loads((ROOT / "docs" / file).read_text()) if file else asyncapi
        for part in filter(None, pointer.split("/")):
            content = content[part]
        assert content


def _references(part: Any) -> Any:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def test_all_topics_and_messages_are_told(asyncapi: dict[str, Any]) -> None:
    assert set(asyncapi["channels"]) == {topic.name for topic in ALL_TOPICS}
    for topic in ALL_TOPICS:
        channel = asyncapi["channels"][topic.name]
        kept = channel["bindings"]["kafka"]["topicConfiguration"]
        assert kept["cleanup.policy"] == topic.cleanup_policy.split(",")
        if "delete" in kept["cleanup.policy"]:
            assert kept["retention.ms"] == topic.retention_ms
    sent = {name for channel in asyncapi["channels"].values() for name in channel["messages"]}
    assert sent == {*MESSAGE_TYPES, "dead-letter"}


def test_headers_are_those_that_are_written() -> None:
    event, cause, ordinal = scene()[0]
    decided = {topic.name: 0 for topic in INPUT_TOPICS}
    assert set(EVENT_HEADERS) == {name for name, _ in headers_of(event, cause, ordinal, decided)}
    letter = dead_letter(Input("reid.commands.v1", 0, 0, 0, b"k", b"v", []), Malformed("bad"))
    assert set(LETTER_HEADERS) == {name for name, _ in letter.headers}
