import os
from pathlib import Path

import pytest

from deploy.export import Export, _filter
from deploy.export_files import sink
from deploy.export_rows import COLUMNS
from reid.errors import ConfigError


@pytest.mark.parametrize(
    "name", ["reid.policy.adopted.v1", "reid.policy.adopted.v2", "reid.policy.adopted.v4"]
)
def test_events_of_other_versions_were_left_out_by_a_pattern(name: str) -> None:
    """``--type 'reid.policy.*'`` was held against this version's types: an old log lost its first rules."""
    row = {**dict.fromkeys(COLUMNS), "type": name}
    assert _filter(Export(Path("-"), types=("reid.policy.*",)))(row)
    assert not _filter(Export(Path("-"), types=("reid.person.*",)))(row)


def test_a_former_type_may_be_named() -> None:
    row = {**dict.fromkeys(COLUMNS), "type": "reid.policy.adopted.v1"}
    assert _filter(Export(Path("-"), types=("reid.policy.adopted.v1",)))(row)
    with pytest.raises(ConfigError, match="none of"):
        _filter(Export(Path("-"), types=("reid.person.sene.v1",)))


ROW = {**dict.fromkeys(COLUMNS), "type": "reid.person.seen.v1", "at": 1_000}


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_an_export_into_a_pipe_or_a_device_became_a_file_in_its_place(tmp_path: Path, kind: str) -> None:
    """As root ``--out /dev/null`` was the end of it for all of the machine; a pipe's reader heard nothing."""
    os.mkfifo(pipe := tmp_path / "pipe")
    (link := tmp_path / "link").symlink_to(tmp_path / "target")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with sink(pipe, kind) as file:
        file.write(ROW)
    found = os.read(reader, 100_000)
    os.close(reader)
    with sink(link, kind) as file:
        file.write(ROW)
    assert pipe.is_fifo() and link.is_symlink() and (tmp_path / "target").read_bytes() == found
    assert len(list(tmp_path.iterdir())) == 3


def test_an_export_that_is_broken_off_leaves_what_stood_there(tmp_path: Path) -> None:
    (path := tmp_path / "events.jsonl").write_text("before")
    with pytest.raises(KeyboardInterrupt), sink(path, "jsonl") as file:
        file.write(ROW)
        raise KeyboardInterrupt
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_an_export_to_no_name_ended_in_a_traceback() -> None:
    with pytest.raises(ConfigError, match="give --out another place"), sink(Path(), "jsonl"):
        pass


def test_since_and_until_took_no_milliseconds_though_at_does() -> None:
    keep = _filter(Export(Path("-"), since="1000", until="1970-01-01T00:00:02Z"))
    assert [keep(ROW | {"at": at}) for at in (999, 1000, 1999, 2000)] == [False, True, True, False]
    with pytest.raises(ConfigError, match="--until yesterday: give a time such as"):
        _filter(Export(Path("-"), until="yesterday"))
