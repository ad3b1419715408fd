"""Every statement of docs/analytics.md is run on an export of the scene, or parsed at least."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import TokenType, exp
from sqlglot.dialects import Dialect

from deploy.export_files import sink
from deploy.export_rows import row_of
from deploy.scene import Told, scene
from reid.contracts.cloudevents import headers_of
from reid.contracts.codec import encode
from reid.contracts.events import PersonSeen, PersonsMerged
from reid.contracts.topics import DAY_MS

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


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[list[tuple[Any, ...]]]]:
    """What DuckDB says to each statement, in the order of the page."""
    folder = tmp_path_factory.mktemp("export")
    with sink(folder / "events.parquet", "parquet") as file:
        for offset, told in enumerate(scene()):
            file.write(row_of(Message(told, offset), templates=False))  # type: ignore[arg-type]
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        engine.execute(f"SET file_search_path = '{folder}'")
        yield [engine.execute(block).fetchall() for block in blocks("duckdb")]


def test_events_by_type(answers: list[list[tuple[Any, ...]]]) -> None:
    told = [type(one.event).__struct_config__.tag for one in scene()]
    found = {type_: count for type_, count, _, _ in answers[0]}
    assert found == {type_: told.count(type_) for type_ in told}


def sightings() -> list[PersonSeen]:
    """Of sites; what a zone decides for itself, its site says again."""
    return [
        one.event for one in scene() if isinstance(one.event, PersonSeen) and "/" not in one.event.site_id
    ]


def test_visitors_by_day_and_camera(answers: list[list[tuple[Any, ...]]]) -> None:
    """Merges are followed, also one after another; undoing one is not told by them."""
    into = {
        one.event.absorbed_id: one.event.survivor_id
        for one in scene()
        if isinstance(one.event, PersonsMerged)
    }
    visitors: dict[tuple[datetime, str], set[str]] = {}
    for event in sightings():
        who = event.person_id
        while who in into:
            who = into[who]
        day = datetime.fromtimestamp(event.at // DAY_MS * DAY_MS / 1000, UTC)
        visitors.setdefault((day, event.track.camera_id), set()).add(who)
    found = {(row[0].astimezone(UTC), row[1]): row[2] for row in answers[1]}
    assert found == {place: len(who) for place, who in visitors.items()}
    assert into and len(found) > 3


def test_from_camera_to_camera(answers: list[list[tuple[Any, ...]]]) -> None:
    went: dict[tuple[str, str], list[float]] = {}
    last: dict[str, PersonSeen] = {}
    for event in sightings():
        before = last.get(event.person_id)
        if before is not None and before.track.camera_id != event.track.camera_id:
            way = (before.track.camera_id, event.track.camera_id)
            went.setdefault(way, []).append((event.at - before.at) / 1000)
        last[event.person_id] = event
    assert {(a, b): (n, s) for a, b, n, s in answers[2]} == {
        way: (len(took), median(took)) for way, took in went.items()
    }
    assert went


def test_evidence_corrections_and_boxes(answers: list[list[tuple[Any, ...]]]) -> None:
    decided, corrected, boxes = answers[3:]
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
