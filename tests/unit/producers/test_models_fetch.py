"""Fetching over real HTTP from loopback: whole and right, or no file of that name."""

import fcntl
import hashlib
from pathlib import Path

import numpy as np
import pytest

from producers.models.catalogue import Part
from producers.models.fetch import ATTEMPTS, Fetcher
from reid.errors import ConfigError, Unavailable
from tests.unit.producers.model_server import Behaviour, serving

CONTENT = np.random.default_rng(5).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
OTHER = CONTENT[::-1]
PART = Part(name="net.onnx", sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))


@pytest.fixture
def to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "models"


def fetch(to: Path, origin: str | Path) -> Path:
    where = f"{origin}/net.onnx" if isinstance(origin, str) else origin
    return Fetcher(to, pause=0.001).fetch(PART, where)


def test_a_file_comes_whole_and_once(to: Path) -> None:
    served, seen = Behaviour(CONTENT), []
    with serving(served) as origin:
        fetcher = Fetcher(to, lambda *progress: seen.append(progress))
        assert fetcher.fetch(PART, f"{origin}/net.onnx").read_bytes() == CONTENT
        fetcher.fetch(PART, f"{origin}/net.onnx")
    assert served.asked == [None], "the second fetch asks nobody"
    assert seen[-1] == ("net.onnx", len(CONTENT), len(CONTENT))
    assert [path.name for path in to.iterdir()] == ["net.onnx"]


@pytest.mark.parametrize("chunked", [False, True], ids=["announced length", "until the end"])
def test_a_connection_cut_midway_goes_on_where_it_was(to: Path, chunked: bool) -> None:
    served = Behaviour(CONTENT, drops=[100_000, 50_000], chunked=chunked)
    with serving(served) as origin:
        assert fetch(to, origin).read_bytes() == CONTENT
    assert served.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_many_cuts_are_survived_while_each_brings_something(to: Path) -> None:
    served = Behaviour(CONTENT, drops=[20_000] * (2 * ATTEMPTS))
    with serving(served) as origin:
        assert fetch(to, origin).read_bytes() == CONTENT


def test_another_run_goes_on_with_what_the_first_left(to: Path) -> None:
    served = Behaviour(CONTENT, drops=[120_000] + [0] * ATTEMPTS)
    with serving(served) as origin:
        with pytest.raises(Unavailable, match=r"120000 of 300000 bytes are kept.*run it again"):
            fetch(to, origin)
        assert not (to / "net.onnx").exists()
        served.drops.clear()
        assert fetch(to, origin).read_bytes() == CONTENT
    assert served.asked[-1] == "bytes=120000-"


def test_a_server_that_ignores_ranges_sends_all_again(to: Path) -> None:
    served = Behaviour(CONTENT, drops=[100_000], ranges=False)
    with serving(served) as origin:
        assert fetch(to, origin).read_bytes() == CONTENT
    assert served.asked == [None, "bytes=100000-"]


def test_a_part_of_another_file_is_thrown_away(to: Path) -> None:
    to.mkdir()
    (to / "net.onnx.part").write_bytes(OTHER[:100_000])
    served = Behaviour(CONTENT)
    with serving(served) as origin:
        assert fetch(to, origin).read_bytes() == CONTENT
    assert served.asked == ["bytes=100000-", None]


def test_a_part_longer_than_the_file_is_thrown_away(to: Path) -> None:
    to.mkdir()
    (to / "net.onnx.part").write_bytes(CONTENT + b"tail")
    with serving(Behaviour(CONTENT)) as origin:
        assert fetch(to, origin).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "chunked", "words"),
    [
        (OTHER, False, "its SHA-256 is not"),
        (CONTENT[:-5], False, "299995 bytes instead of 300000"),
        (CONTENT + b"more", False, "300004 bytes instead of 300000"),
        (CONTENT * 2, True, "bytes instead of 300000"),
    ],
    ids=["other bytes", "shorter", "longer", "without end"],
)
def test_a_wrong_file_is_refused_and_leaves_nothing(
    to: Path, content: bytes, chunked: bool, words: str
) -> None:
    with serving(Behaviour(content, chunked=chunked)) as origin, pytest.raises(ConfigError, match=words):
        fetch(to, origin)
    assert list(to.iterdir()) == []


def test_a_server_in_trouble_is_asked_again(to: Path) -> None:
    served = Behaviour(CONTENT, statuses=[503, 429])
    with serving(served) as origin:
        assert fetch(to, origin).read_bytes() == CONTENT
    assert len(served.asked) == 3


def test_an_absent_file_is_not_asked_for_again(to: Path) -> None:
    served = Behaviour(CONTENT, statuses=[404])
    with serving(served) as origin, pytest.raises(ConfigError, match=r"HTTP 404.*--from"):
        fetch(to, origin)
    assert len(served.asked) == 1


def test_nobody_there_is_unavailable(to: Path) -> None:
    with serving(Behaviour(CONTENT)) as origin:
        pass
    with pytest.raises(Unavailable, match="0 of 300000 bytes are kept"):
        fetch(to, origin)


def test_what_is_there_but_other_is_never_overwritten(to: Path) -> None:
    to.mkdir()
    (to / "net.onnx").write_bytes(OTHER)
    with (
        serving(Behaviour(CONTENT)) as origin,
        pytest.raises(ConfigError, match="another SHA-256: remove it"),
    ):
        fetch(to, origin)
    assert (to / "net.onnx").read_bytes() == OTHER


def test_two_fetches_do_not_write_into_one_part(to: Path) -> None:
    to.mkdir()
    with (to / "net.onnx.part").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with serving(Behaviour(CONTENT)) as origin, pytest.raises(ConfigError, match="another process"):
            fetch(to, origin)


def test_a_copy_is_checked_like_a_download(to: Path, tmp_path: Path) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_bytes(CONTENT)
    wrong.write_bytes(OTHER)
    with pytest.raises(ConfigError, match="its SHA-256 is not"):
        fetch(to, wrong)
    with pytest.raises(ConfigError, match="can't be copied"):
        fetch(to, tmp_path / "absent")
    assert fetch(to, right).read_bytes() == CONTENT


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--to"):
        fetch(tmp_path / "file", tmp_path / "file")


def test_the_proxy_of_the_environment_is_used(to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address does not exist; who answers is the proxy."""
    served = Behaviour(CONTENT)
    with serving(served) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.removesuffix("/models"))
        monkeypatch.setenv("http_proxy", proxy.removesuffix("/models"))
        assert fetch(to, "http://models.invalid").read_bytes() == CONTENT
