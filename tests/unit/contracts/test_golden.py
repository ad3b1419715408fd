"""Every record of the golden corpus is read, and nothing that it says is lost."""

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from deploy.contract_documents import HISTORY, history
from reid.contracts.cloudevents import envelope_from
from reid.contracts.codec import (
    ALERT_TYPES,
    COMMAND_TYPES,
    EVENT_TYPES,
    decode_alert,
    decode_command,
    decode_detections,
    decode_event,
    decode_picture,
    decode_search,
    decode_sighted,
    decode_status,
    encode,
    type_name,
)
from reid.contracts.schemas import MESSAGE_TYPES
from reid.contracts.upcasters import UPCASTERS
from tests.golden.make import GOLDEN, ROOT, make, stem

RECORDS = sorted((ROOT / GOLDEN).glob("*/*.json"))
DECODERS = {
    **dict.fromkeys(COMMAND_TYPES, decode_command),
    **dict.fromkeys(EVENT_TYPES, decode_event),
    **dict.fromkeys(ALERT_TYPES, decode_alert),
    "reid.detections.v1": decode_detections,
    "reid.zone.report.v1": decode_sighted,
    "reid.camera.status.v1": decode_status,
    "reid.picture.v1": decode_picture,
    "reid.audit.search.v1": decode_search,
}


def _within(old: Any, new: Any) -> bool:
    """All that ``old`` says stands in ``new``, which may say more (fields that came later)."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(k in new and _within(v, new[k]) for k, v in old.items())
    if isinstance(old, list):
        same = isinstance(new, list) and len(old) == len(new)
        return same and all(_within(a, b) for a, b in zip(old, new, strict=True))
    return bool(old == new)


def _current(name: str) -> str:
    """The type that messages of the type ``name`` are read as."""
    for step in UPCASTERS:
        name = step.target if step.source == name else name
    return name


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_record_is_read_and_nothing_is_lost(path: Path) -> None:
    record = json.loads(path.read_text())
    name = record["value"]["type"]
    version, shape, _ = path.stem.split("-")
    assert name == f"{path.parent.name}.{version}"
    published = history(ROOT, name)[int(shape) - 1]
    jsonschema.Draft202012Validator(published).validate(record["value"])
    decode = DECODERS[_current(name)]
    message = decode(json.dumps(record["value"]).encode())
    if name in MESSAGE_TYPES:  # An upcast message says the same in other words.
        assert type_name(message) == name
        assert _within(record["value"], _every_field(message))
        assert decode(encode(message)) == message
    if record["headers"]:
        envelope = envelope_from([(k, v.encode()) for k, v in record["headers"].items()])
        assert envelope.type == name and record["headers"]["ce_id"] == envelope.id


def _every_field(message: Any) -> Any:
    """As JSON, with the fields that ``omit_defaults`` leaves out."""
    if isinstance(message, msgspec.Struct):
        tag = message.__struct_config__.tag
        plain = {name: _every_field(getattr(message, name)) for name in message.__struct_fields__}
        return plain | ({"type": tag} if tag else {})
    if isinstance(message, dict):
        return {key: _every_field(value) for key, value in message.items()}
    if isinstance(message, list | tuple):
        return [_every_field(value) for value in message]
    if isinstance(message, msgspec.Raw):
        return msgspec.json.decode(message)
    return msgspec.to_builtins(message)


def test_every_published_shape_has_its_records() -> None:
    for folder in (ROOT / HISTORY).iterdir():
        for number in range(1, len(history(ROOT, folder.name)) + 1):
            begins = stem(folder.name, number)
            found = list((ROOT / GOLDEN / begins.parent).glob(f"{begins.name}-*.json"))
            assert found, f"{folder.name}, shape {number}: run `python -m tests.golden.make`"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose records were all just made."""
    root = tmp_path_factory.mktemp("made")
    shutil.copytree(ROOT / HISTORY, root / HISTORY)
    assert len(make(root)) == 2 * len(MESSAGE_TYPES)
    return root


def test_making_records_overwrites_none(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    one = tmp_path / GOLDEN / "reid.person.left" / "v1-1-full.json"
    one.write_text("as it was")
    other = one.with_name("v1-1-plain.json")
    other.unlink()
    assert make(tmp_path) == [other.relative_to(tmp_path)]
    assert one.read_text() == "as it was"


def test_a_new_shape_gets_records_of_its_own(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / HISTORY / "reid.person.left.v1"
    shutil.copy(folder / "1.json", folder / "2.json")
    left = GOLDEN / "reid.person.left"
    assert make(tmp_path) == [left / "v1-2-plain.json", left / "v1-2-full.json"]
