"""What each view makes of a recorded log, as a digest beside the number of its form: ``python -m
tests.golden.forms`` writes it anew into ``forms.json``, and refuses where the number was not raised.

``views/<view>.jsonl``: one record's value a line, recorded once (``--record``, which overwrites none): from
the documents' scene, which has an event of every type, and of a small site that the domain decided.
"""

import hashlib
import itertools
import json
import sys
from pathlib import Path
from typing import Any, Final
from unittest import mock

import msgspec

from benchmarks import site_log
from deploy.scene import examples
from projections.alerts import AlertsView
from projections.changes import Change
from projections.records import Record
from projections.store import MemoryViewStore
from projections.views import CamerasView, PersonsView, View
from reid.contracts.codec import ALERT_TYPES, EVENT_TYPES, encode
from reid.contracts.topics import position_key

HERE: Final = Path(__file__).parent
FORMS: Final = HERE / "forms.json"
VIEWS: Final[list[View]] = [PersonsView(90), CamerasView(), AlertsView()]
#: Events of the decided site, whose embeddings are short ones.
DECIDED, PEOPLE, DIM = 500, 60, 8


class Form(msgspec.Struct):
    form: int
    sha256: str


def forms() -> dict[str, Form]:
    """As they are written down."""
    return msgspec.json.decode(FORMS.read_bytes(), type=dict[str, Form])


def made() -> dict[str, Form]:
    """As this program makes them."""
    return {view.name: Form(view.form, digest(view)) for view in VIEWS}


def digest(view: View) -> str:
    """SHA-256 of all that the view holds after its recorded log, in batches of 100."""
    store, values = MemoryViewStore(), log_of(view).read_bytes().splitlines()
    records = [
        Record(view.topic.name, 0, n, b"global", value, _headers(n), _at(value) + 40 + n % 7)
        for n, value in enumerate(values)
    ]
    for first in range(0, len(records), 100):
        some = records[first : first + 100]
        done = view.project(some, store)
        assert not done.rejected, f"a recorded event is refused: {done.rejected[0].error}"
        store.commit(Change(view.name, store.positions(view.name), {0: some[-1].offset + 1}, done.ops))
    found = store.dump("saferoom:")
    return _sha256({key: value for key, value in found.items() if key != position_key(view.name)})


def log_of(view: View) -> Path:
    return HERE / "views" / f"{view.name}.jsonl"


def record() -> dict[str, list[bytes]]:
    """The logs as they would be recorded today."""
    scene, types = [(e.type, e.value) for e in examples()], {"persons": EVENT_TYPES, "alerts": ALERT_TYPES}
    with mock.patch.multiple(site_log, DIM=DIM, MODEL=msgspec.structs.replace(site_log.MODEL, dim=DIM)):
        decided = [encode(e) for _, _, e in itertools.islice(site_log.events(PEOPLE), DECIDED)]
    logs = {name: [value for type_, value in scene if type_ in known] for name, known in types.items()}
    logs["persons"] += decided
    logs["cameras"] = [value for type_, value in scene if type_ == "reid.camera.status.v1"]
    return logs


def main(asked: list[str]) -> int:
    if asked == ["--record"]:
        for view in VIEWS:
            if not log_of(view).exists():
                log_of(view).write_bytes(b"".join(value + b"\n" for value in record()[view.name]))
    known = forms() if FORMS.exists() else {}
    found = made()
    for name, form in found.items():
        if name in known and known[name].form >= form.form and known[name].sha256 != form.sha256:
            sys.stderr.write(f"what view {name} makes of its log is another: raise its `form` first\n")
            return 1
    FORMS.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    return 0


def _headers(n: int) -> list[tuple[str, bytes | None]]:
    return [("ce_id", b"id-%d" % n), ("ce_causation", b"reid.detections.v1/0/%d" % n)]


def _at(value: bytes) -> int:
    told = json.loads(value)
    return int(told.get("at") or told["reported_at"])


def _sha256(found: dict[str, Any]) -> str:
    text = json.dumps(found, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
