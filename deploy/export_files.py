"""Rows into a file, JSON Lines or Parquet, a bounded number at a time."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from deploy.export_rows import COLUMNS, Row
from deploy.places import whole_file
from reid.contracts.cloudevents import rfc3339
from reid.errors import ConfigError

#: Rows of a Parquet row group: what is held in memory.
GROUP_ROWS: Final = 20_000
STDOUT: Final = Path("-")
_TYPES: Final = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "string": pa.string(),
    "float64": pa.float64(),
    "timestamp": pa.timestamp("ms", tz="UTC"),
    "json": pa.string(),
}
SCHEMA: Final = pa.schema([(name, _TYPES[kind]) for name, kind in COLUMNS.items()])
_encode: Final = msgspec.json.Encoder().encode


class Sink(Protocol):
    def write(self, row: Row) -> None: ...

    def close(self) -> None: ...


class JsonLines:
    """One object a line, ``data`` as an object in it, ``at`` as RFC 3339."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, row: Row) -> None:
        at = row["at"]
        self._file.write(_encode(row | {"at": rfc3339(at) if at is not None else None}) + b"\n")

    def close(self) -> None:
        self._file.flush()


class Parquet:
    """Columns as `COLUMNS`, ``data`` as JSON text; zstd."""

    def __init__(self, file: BinaryIO) -> None:
        self._writer = pq.ParquetWriter(file, SCHEMA, compression="zstd")
        self._rows: list[Row] = []

    def write(self, row: Row) -> None:
        data = row["data"]
        self._rows.append(row | {"data": _encode(data).decode() if data is not None else None})
        if len(self._rows) == GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
            self._rows.clear()


FORMATS: Final[dict[str, type[JsonLines] | type[Parquet]]] = {"jsonl": JsonLines, "parquet": Parquet}


@contextmanager
def sink(path: Path, kind: str) -> Iterator[Sink]:
    """A `whole_file` of them; ``-``: standard output.

    Raises `ConfigError` when it can't be written.
    """
    if path == STDOUT:
        if kind != "jsonl":
            raise ConfigError(f"--out -: {kind} goes to a file, only jsonl to standard output")
        yield JsonLines(sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    with whole_file(path, "--out") as file:
        opened = FORMATS[kind](file)
        yield opened
        opened.close()
