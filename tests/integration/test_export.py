"""The log as files: Parquet and JSON Lines say the same, and no more than was asked for."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deploy import export_files
from deploy.export import Counts, Export, export
from deploy.export_rows import COLUMNS
from deploy.scene import START
from reid.contracts.cloudevents import Causation, headers_of, rfc3339
from reid.contracts.codec import encode, type_name
from reid.contracts.topics import ALL_TOPICS, DETECTIONS, EVENTS
from reid.domain.policy import Policies
from reid.domain.state import PartitionState
from reid.domain.step import step
from reid.errors import ConfigError
from reid.runtime.admin import create_topics, delete_topics, list_topics
from reid.runtime.kafka import producer
from tests.unit.domain.story import frame, look, message, person

pytestmark = pytest.mark.integration

SITES = ("global", "annex")


def life(site: str) -> Iterator[tuple[Any, Causation, int]]:
    """A few hundred events of a site: people who come, go, and are mistaken for each other."""
    state, random = PartitionState(), np.random.default_rng(len(site))
    for number in range(150):
        people = random.choice(8, size=2, replace=False)
        tracker = 100 * (number // 30)
        persons = [person(tracker + int(who), look(chr(ord("a") + int(who)), "z", 0.3)) for who in people]
        events = step(state, message(frame("room1", number * 0.7, *persons), site=site), Policies())
        for ordinal, event in enumerate(events):
            yield event, Causation(DETECTIONS.name, 0, number), ordinal


@pytest.fixture(scope="module")
def log(kafka: str) -> list[tuple[str, Any]]:
    """(site, event) in order, on a topic that also holds an event that is none."""
    delete_topics(kafka, {topic.name for topic in ALL_TOPICS} & set(list_topics(kafka)))
    create_topics(kafka, 4, 1)
    client, told = producer(kafka), []
    for site in SITES:
        for event, cause, ordinal in life(site):
            headers: Any = headers_of(event, cause, ordinal)
            client.produce(EVENTS.name, encode(event), site.encode(), headers=headers)
            told.append((site, event))
    client.produce(EVENTS.name, b"\xff", b"global", headers=[("ce_id", b"broken"), ("ce_type", b"what")])
    assert client.flush(20) == 0
    return told


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def rows(path: Path) -> list[dict[str, Any]]:
    """Parquet rows as JSON Lines has them."""
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    for row in found:
        at: datetime | None = row["at"]
        row["at"] = rfc3339(round(at.timestamp() * 1000)) if at else None
        row["data"] = json.loads(row["data"]) if row["data"] else None
    return found


def test_parquet_read_back_equals_json_lines(
    kafka: str, log: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_files, "GROUP_ROWS", 100)
    plain, columns = tmp_path / "log.jsonl", tmp_path / "log.parquet"
    assert len(log) > 400
    expected = Counts(len(log) + 1, len(log) + 1, 1)
    assert export(kafka, Export(plain)) == expected == export(kafka, Export(columns, "parquet"))
    assert lines(plain) == rows(columns)
    file = pq.ParquetFile(columns)
    assert file.num_row_groups == len(log) // 100 + 1, "bounded memory"
    assert file.schema_arrow.field("at").type == pa.timestamp("ms", tz="UTC")
    assert file.schema_arrow.names == list(COLUMNS) == list(lines(plain)[0])
    assert set(tmp_path.iterdir()) == {columns, plain}, "no part of a file is left"


def test_rows_are_the_events(kafka: str, log: list[tuple[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    export(kafka, Export(path, templates=True))
    found = lines(path)
    for site in SITES:
        written = [event for where, event in log if where == site]
        read = [row for row in found if row["site_id"] == site]
        assert [row["data"] for row in read] == [json.loads(encode(event)) for event in written]
        assert [row["type"] for row in read] == [type_name(event) for event in written]
        assert [row["offset"] for row in read] == sorted(row["offset"] for row in read)
    bound = next(row for row in found if row["outcome"] == "matched")
    assert bound["person_id"] and bound["camera_id"] == "room1" and bound["tracker"]
    assert bound["score"] == bound["data"]["score"] and bound["threshold"] == 0.6
    (broken,) = [row for row in found if row["data"] is None]
    assert (broken["ce_id"], broken["type"], broken["at"]) == ("broken", "what", None)


def test_appearances_stay_at_home_unless_asked_for(
    kafka: str, log: list[tuple[str, Any]], tmp_path: Path
) -> None:
    for kind, name in (("jsonl", "a"), ("parquet", "b")):
        without, with_ = tmp_path / name, tmp_path / f"{name}-with"
        export(kafka, Export(without, kind))
        export(kafka, Export(with_, kind, templates=True))
        read = lines if kind == "jsonl" else rows
        text = json.dumps(read(without))
        assert '"vector"' not in text and '"template": "' not in text
        assert '"vector"' in json.dumps(read(with_))
        assert '"quality"' in text, "what was known of the crop stays"


def test_filters(kafka: str, log: list[tuple[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    events = [event for _, event in log]
    wanted = {"reid.person.registered.v1", "reid.policy.adopted.v3"}
    export(kafka, Export(path, types=("reid.person.registered.v1", "reid.policy.*")))
    assert {row["type"] for row in lines(path)} == wanted
    assert len(lines(path)) == sum(type_name(e) in wanted for e in events)

    middle, end = START + 30_100, START + 60_000
    counts = export(kafka, Export(path, since=rfc3339(middle), until=rfc3339(end)))
    assert counts.exported == len(lines(path)) == sum(middle <= e.at < end for e in events) > 50

    export(kafka, Export(path, from_offset=200))
    later = {row["offset"] for row in lines(path) if row["site_id"] == "annex"}
    assert later == set(range(200, sum(site == "annex" for site, _ in log)))
    assert export(kafka, Export(path, from_offset=10**9)).read == 0
    assert lines(path) == []


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"kind": "csv"}, "--format csv"),
        ({"since": "noon"}, "--since noon: give a time such as"),
        ({"types": ("reid.person.flown.*",)}, "--type reid.person.flown"),
        ({"out": Path("-"), "kind": "parquet"}, "--out -: parquet goes to a file"),
        (
            {"out": Path("/nowhere/log.jsonl")},
            "can't write /nowhere/log.jsonl (no directory /nowhere): give --out",
        ),
    ],
)
def test_what_can_not_be_done_is_told(
    kafka: str, log: list[tuple[str, Any]], tmp_path: Path, wanted: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError) as told:
        export(kafka, Export(**{"out": tmp_path / "log", **wanted}))
    assert says in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_whole_or_not_there(
    kafka: str, log: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("the one of yesterday")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_files.JsonLines, "write", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        export(kafka, Export(path))
    assert path.read_text() == "the one of yesterday" and list(tmp_path.iterdir()) == [path]


def test_command_line(kafka: str, log: list[tuple[str, Any]], tmp_path: Path) -> None:
    program = [sys.executable, "-m", "deploy.cli", "events", "export", "--kafka", kafka]
    filtered = [*program, "--type", "reid.person.left.v1"]
    path = tmp_path / "left.parquet"
    ended = subprocess.run(
        [*filtered, "--format", "parquet", "--out", path], capture_output=True, text=True, check=True
    )
    count = pq.read_metadata(path).num_rows
    assert ended.stderr == f"{count} of {len(log) + 1} events to {path}\n" and ended.stdout == ""
    piped = subprocess.run([*filtered, "-o", "-"], capture_output=True, text=True, check=True)
    assert [json.loads(line) for line in piped.stdout.splitlines()] == rows(path)


def test_reader_of_a_pipe_may_have_enough(kafka: str, log: list[tuple[str, Any]]) -> None:
    command = f"{sys.executable} -m deploy.cli events export --kafka {kafka} --with-templates -o - | head -1"
    ended = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert ended.stderr == "" and json.loads(ended.stdout)["offset"] == 0
