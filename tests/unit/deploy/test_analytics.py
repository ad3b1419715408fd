"""Every statement of docs/analytics.md is run on an export of the scene, or parsed at least."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import TokenType, exp
from sqlglot.dialects import Dialect

from deploy.export_files import sink
from deploy.export_rows import row_of
from deploy.scene import START, Told, scene
from reid.contracts.cloudevents import headers_of
from reid.contracts.codec import encode

PAGE = Path("docs/analytics.md").read_text()
FIRST, SECOND = f"person_{START + 800}_0", f"person_{START + 20_800}_1"


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


def test_visitors_by_day_and_camera(answers: list[list[tuple[Any, ...]]]) -> None:
    """Four people were seen; the second had become the first by a merge (undone later, which this counts
    as it was asked: by merges alone)."""
    day = datetime(2025, 11, 5, tzinfo=UTC)
    assert [(row[0].astimezone(UTC), *row[1:]) for row in answers[1]] == [
        (day, "room1", 1),
        (day, "room2", 1),
        (day, "room3", 1),
    ]


def test_from_camera_to_camera(answers: list[list[tuple[Any, ...]]]) -> None:
    seen = [one.event for one in scene() if type(one.event).__name__ == "PersonSeen"]
    first = [event for event in seen if event.person_id == FIRST]
    there = next(event.at for event in first if event.track.camera_id == "room3")
    left = max(event.at for event in first if event.track.camera_id == "room2" and event.at < there)
    assert answers[2] == [("room2", "room3", 1, (there - left) / 1000)]


def test_evidence_corrections_and_boxes(answers: list[list[tuple[Any, ...]]]) -> None:
    decided, corrected, boxes = answers[3:]
    assert {(outcome, reason) for _, outcome, reason, *_ in decided} >= {
        ("new", "empty_gallery"),
        ("matched", "above_threshold"),
    }
    assert sum(row[3] for row in decided) == sum(
        getattr(one.event, "decision", None) is not None for one in scene()
    )
    assert sum(row[3] for row in corrected) == sum(
        getattr(one.event, "command_id", None) is not None for one in scene()
    )
    assert sum(row[3] for row in boxes) == sum(type(o.event).__name__ == "PersonSeen" for o in scene())


@pytest.mark.parametrize(("engine", "dialect"), [("spark", "spark"), ("flink", Flink)])
def test_statements_of_other_engines_parse(engine: str, dialect: str | type[Dialect]) -> None:
    found = blocks(engine)
    assert found, f"no statement of {engine} in docs/analytics.md"
    for block in found:
        for statement in sqlglot.parse(block, read=dialect, error_level=sqlglot.ErrorLevel.RAISE):
            assert isinstance(statement, exp.Create | exp.Query), f"not understood: {statement}"


def test_every_statement_is_of_a_known_engine() -> None:
    assert set(re.findall(r"```sql ?(\w*)", PAGE)) == {"duckdb", "spark", "flink"}
