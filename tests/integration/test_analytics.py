"""Every statement of docs/analytics.md is run on an export of the scene, or parsed at least."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
import sqlglot
from msgspec.structs import replace
from sqlglot import TokenType, exp
from sqlglot.dialects import Dialect

from deploy.export_files import sink
from deploy.export_rows import row_of
from deploy.scene import Told, scene
from reid.contracts.cloudevents import Causation, headers_of
from reid.contracts.codec import encode
from reid.contracts.events import AnyEvent, PersonSeen, PersonsMerged, PersonSplit, TrackRef
from reid.contracts.topics import DAY_MS
from tests.unit.projections.story import SITE, START, merged, seen, split, state, track, walk

PAGE = Path("docs/analytics.md").read_text()


def blocks(engine: str) -> list[str]:
    return re.findall(rf"```sql {engine}\n(.*?)```", PAGE, re.DOTALL)


class Flink(Dialect):
    """Of what `sqlglot` knows, as much as the page uses; it has no grammar of Flink's own."""

    class Tokenizer(sqlglot.Tokenizer):
        IDENTIFIERS = ("`",)
        KEYWORDS = {**sqlglot.Tokenizer.KEYWORDS, "ROW": TokenType.STRUCT}  # noqa: RUF012 as its base


class Message:
    """What `row_of` asks of a record."""

    def __init__(self, told: Told, offset: int) -> None:
        self._told, self._offset = told, offset

    def partition(self) -> int:
        return 1

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes:
        return encode(self._told.event)

    def headers(self) -> Any:
        return headers_of(self._told.event, self._told.cause, self._told.ordinal)


def asked(events: Iterable[AnyEvent]) -> list[list[tuple[Any, ...]]]:
    """What DuckDB says to each statement, in the order of the page."""
    return answers_on(
        [Told(event, Causation("reid.detections.v1", 0, n), 0) for n, event in enumerate(events)]
    )


def answers_on(log: Iterable[Told]) -> list[list[tuple[Any, ...]]]:
    with TemporaryDirectory() as folder, duckdb.connect() as engine:
        with sink(Path(folder) / "events.parquet", "parquet") as file:
            for offset, told in enumerate(log):
                file.write(row_of(Message(told, offset), templates=False))  # type: ignore[arg-type]
        engine.execute("SET TimeZone = 'UTC'")
        engine.execute(f"SET file_search_path = '{folder}'")
        return [engine.execute(block).fetchall() for block in blocks("duckdb")]


@pytest.fixture(scope="module")
def answers() -> list[list[tuple[Any, ...]]]:
    return answers_on(scene())


def test_events_by_type(answers: list[list[tuple[Any, ...]]]) -> None:
    told = [type(one.event).__struct_config__.tag for one in scene()]
    found = {type_: count for type_, count, _, _ in answers[0]}
    assert found == {type_: told.count(type_) for type_ in told}


def sightings() -> list[PersonSeen]:
    """Of sites; what a zone decides for itself, its site says again."""
    return [
        one.event for one in scene() if isinstance(one.event, PersonSeen) and "/" not in one.event.site_id
    ]


def survivors(events: Iterable[AnyEvent]) -> Callable[[PersonSeen], tuple[str, str]]:
    """Who somebody is after these events: site and id."""
    into: dict[tuple[str, str], str] = {}
    for event in events:
        if isinstance(event, PersonsMerged):
            into[event.site_id, event.absorbed_id] = event.survivor_id
        elif isinstance(event, PersonSplit) and event.kind == "merge_undone" and event.other is not None:
            del into[event.site_id, event.other.person_id]

    def who(seen: PersonSeen) -> tuple[str, str]:
        person_id = seen.person_id
        while (seen.site_id, person_id) in into:
            person_id = into[seen.site_id, person_id]
        return seen.site_id, person_id

    return who


def by_day_and_camera(
    seen: Iterable[PersonSeen], who: Callable[[PersonSeen], tuple[str, str]]
) -> dict[tuple[datetime, str, str], int]:
    visitors: dict[tuple[datetime, str, str], set[tuple[str, str]]] = {}
    for event in seen:
        day = datetime.fromtimestamp(event.at // DAY_MS * DAY_MS / 1000, UTC)
        visitors.setdefault((day, event.site_id, event.track.camera_id), set()).add(who(event))
    return {place: len(found) for place, found in visitors.items()}


def told_by_day(rows: list[tuple[Any, ...]]) -> dict[tuple[datetime, str, str], int]:
    return {(day.astimezone(UTC), site_id, camera_id): number for day, site_id, camera_id, number in rows}


def test_visitors_by_day_and_camera(answers: list[list[tuple[Any, ...]]]) -> None:
    """Merges are followed, also one after another, but for those that were undone."""
    who = survivors(one.event for one in scene())
    found = told_by_day(answers[2])
    assert found == by_day_and_camera(sightings(), who)
    assert len(found) > 3


def test_undone_merges_were_counted_as_one_visitor() -> None:
    """And so were persons of another site that have the same ids."""
    walks = [*walk("a", 0, "Visitor-A", "room1"), *walk("b", 1, "Visitor-B", "room1")]
    other = [replace(event, site_id="annex") for event in walks]
    parted = split("merge_undone", state("a", 0, "Visitor-A"), state("b", 1, "Visitor-B"))
    undone = [*walks, merged("a", "b", "Visitor-A"), parted, *other]
    again = [*undone, merged("a", "b", "Visitor-A")]
    assert [row[1:] for row in asked(undone)[2]] == [("annex", "room1", 2), (SITE, "room1", 2)]
    assert [row[1:] for row in asked(again)[2]] == [("annex", "room1", 2), (SITE, "room1", 1)]


def test_somebody_before_two_cameras_went_to_and_fro_with_each_sighting() -> None:
    """Each second anew, as long as both saw the person."""
    by = [track("room1", "1"), track("room2", "2")]
    both = [seen("a", "Visitor-A", by[n % 2], START + n * 500) for n in range(8)]
    assert asked(both)[3] == [("room1", "room2", 1, 0.0)]


def test_from_camera_to_camera(answers: list[list[tuple[Any, ...]]]) -> None:
    who = survivors(one.event for one in scene())
    stays: dict[tuple[tuple[str, str], TrackRef], list[int]] = {}
    for event in sightings():
        stays.setdefault((who(event), event.track), []).append(event.at)
    went: dict[tuple[str, str], list[float]] = {}
    last: dict[tuple[str, str], tuple[TrackRef, int]] = {}
    for (person, shown), times in sorted(stays.items(), key=lambda one: (min(one[1]), max(one[1]))):
        before, left = last.get(person, (shown, 0))
        if before.camera_id != shown.camera_id and min(times) <= left + 300_000:
            took = max(0, min(times) - left) / 1000
            went.setdefault((before.camera_id, shown.camera_id), []).append(took)
        last[person] = (shown, max(times))
    assert {(a, b): (n, s) for a, b, n, s in answers[3]} == {
        way: (len(took), median(took)) for way, took in went.items()
    }
    assert went


def test_evidence_corrections_and_boxes(answers: list[list[tuple[Any, ...]]]) -> None:
    decided, corrected, boxes = answers[4:]
    told = [one.event for one in scene()]
    assert {(outcome, reason) for _, outcome, reason, *_ in decided} >= {
        ("new", "empty_gallery"),
        ("matched", "above_threshold"),
    }
    assert sum(row[3] for row in decided) == sum(getattr(e, "decision", None) is not None for e in told)
    assert sum(row[3] for row in corrected) == sum(getattr(e, "command_id", None) is not None for e in told)
    assert sum(row[3] for row in boxes) == len(sightings())


@pytest.mark.parametrize(("engine", "dialect"), [("spark", "spark"), ("flink", Flink)])
def test_statements_of_other_engines_parse(engine: str, dialect: str | type[Dialect]) -> None:
    found = blocks(engine)
    assert found, f"no statement of {engine} in docs/analytics.md"
    for block in found:
        for statement in sqlglot.parse(block, read=dialect, error_level=sqlglot.ErrorLevel.RAISE):
            assert isinstance(statement, exp.Create | exp.Query), f"not understood: {statement}"


def test_every_statement_is_of_a_known_engine() -> None:
    assert set(re.findall(r"```sql ?(\w*)", PAGE)) == {"duckdb", "spark", "flink"}
