"""The log of the rebuild benchmark, kept in a folder."""

from pathlib import Path

import pytest

from benchmarks.decided_log import decided_log
from benchmarks.rebuild import read
from reid.errors import ConfigError

pytestmark = pytest.mark.integration


def test_a_decided_log_is_written_once_and_never_mixed_up(tmp_path: Path) -> None:
    with decided_log(tmp_path, 450, 60) as (bootstrap, first):
        assert read(bootstrap).records == 450
    with decided_log(tmp_path, 450, 60) as (bootstrap, again):
        assert (again, read(bootstrap).records) == (first, 450)
    with (
        pytest.raises(ConfigError, match="450 events of 60 people at 1 sites"),
        decided_log(tmp_path, 451, 60),
    ):
        pass
    (tmp_path / "decided.json").unlink()
    with pytest.raises(ConfigError, match="not written to its end"), decided_log(tmp_path, 450, 60):
        pass
