"""The command line: options over environment, one clear line for what is wrong, and a quick start."""

import errno
import io
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer.main
import typer.testing
from typer.testing import CliRunner

from api.server import listen
from deploy import cli
from deploy.inputs import video_files
from deploy.options import environment_of, settings_from
from reid.contracts.detections import Detections, Frame
from reid.contracts.names import is_name
from reid.contracts.topics import DEFAULT_SITE
from reid.domain.validate import check
from reid.errors import ConfigError, PoisonInput
from reid.runtime.settings import Settings

Saferoom = Callable[..., str]


@pytest.fixture(scope="module", autouse=True)
def _put_together_once() -> Iterator[None]:
    """All options of all commands: to go through them takes longer than most of these tests."""
    command = typer.main.get_command(cli.app)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", lambda _: command)
        patch.setattr(typer.testing, "_get_command", lambda _: command)
        yield


@pytest.fixture
def saferoom(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Saferoom:
    """Runs `main` with these arguments; it must be refused. Returns the line on stderr."""

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["saferoom", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            cli.main()
        assert ending.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith("saferoom: ") and error.count("\n") == 1, error
        return error

    return run


def test_an_option_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "environment:1")
    monkeypatch.setenv("SAFEROOM_CAMERA_FPS", "7")
    settings = settings_from(kafka="option:1", home=tmp_path)
    assert (settings.kafka_bootstrap_servers, settings.camera_fps) == ("option:1", 7.0)
    assert settings_from().kafka_bootstrap_servers == "environment:1"


def test_a_child_reads_the_settings_of_its_parent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        kafka_bootstrap_servers="host:1",
        redis_url="redis://host:2/0",
        camera_thresholds={"room1": 0.7},
        similarity_threshold=0.55,
        log_level="WARNING",
        site_id="annex",
    )
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings


def test_a_wrong_setting_is_named(saferoom: Saferoom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFEROOM_SIMILARITY_THRESHOLD", "1.5")
    assert "SAFEROOM_SIMILARITY_THRESHOLD=1.5" in saferoom("worker")
    monkeypatch.setenv("SAFEROOM_SIMILARITY_THRESHOLD", "0.6")
    monkeypatch.setenv("SAFEROOM_CAMERA_THRESHOLDS", "{room1")
    assert "camera_thresholds" in saferoom("worker")
    monkeypatch.delenv("SAFEROOM_CAMERA_THRESHOLDS")
    # In pydantic's words: "value error, site 'a b': …".
    assert "SAFEROOM_SITE_ID=a b: site 'a b': 1 to 128" in saferoom("worker", "--site", "a b")


def test_without_servers_a_process_says_how_to_get_them(saferoom: Saferoom, tmp_path: Path) -> None:
    line = saferoom("projector", "--home", tmp_path)
    assert "saferoom up" in line and "KAFKA_BOOTSTRAP_SERVERS" in line


@pytest.mark.parametrize("torn", ["", "{", "[]", "5"])
def test_an_endpoints_file_that_is_none_is_as_none(saferoom: Saferoom, tmp_path: Path, torn: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "endpoints.json").write_text(torn)
    assert "no kafka to talk to" in saferoom("projector", "--home", tmp_path)


def test_a_busy_api_port_is_refused_with_the_remedy(saferoom: Saferoom, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = saferoom("demo", "--home", tmp_path, "--port", port)
    assert str(port) in line and "--port" in line
    assert not (tmp_path / "kafka").exists()


@pytest.mark.parametrize("option", ["--detector", "--embedder"])
def test_a_missing_model_is_refused(saferoom: Saferoom, tmp_path: Path, option: str) -> None:
    line = saferoom("demo", "--home", tmp_path, "--port", 0, option, tmp_path / "absent.onnx")
    assert "absent.onnx" in line and "no such model file" in line


def test_an_unusable_state_directory_is_refused(saferoom: Saferoom, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = saferoom("up", "--home", tmp_path / "file" / "home", "--port", 0)
    assert "state directory" in line and "SAFEROOM_HOME" in line


def test_a_full_disk_is_refused(saferoom: Saferoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from shutil import _ntuple_diskusage  # type: ignore[attr-defined]

    monkeypatch.setattr("shutil.disk_usage", lambda _path: _ntuple_diskusage(10**9, 10**9 - 1000, 1000))
    assert "needed: free some space" in saferoom("up", "--home", tmp_path, "--port", 0)


class Full(io.StringIO):
    """Standard output on a full disk, or, with another ``error``, a pipe that nobody reads any more."""

    error = errno.ENOSPC

    def flush(self) -> None:
        raise OSError(self.error, os.strerror(self.error))


def test_a_full_disk_behind_standard_output_was_a_traceback(
    saferoom: Saferoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", Full())
    assert "not all could be written: No space left on device" in saferoom(
        "crops", "show", "--home", tmp_path
    )


def test_a_reader_that_has_enough_was_told_of_an_ignored_exception(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    gone = Full()
    gone.error = errno.EPIPE
    monkeypatch.setattr(sys, "stdout", gone)
    monkeypatch.setattr(sys, "argv", ["saferoom", "crops", "show", "--home", str(tmp_path)])
    with pytest.raises(SystemExit) as ending:
        cli.main()
    assert ending.value.code == 1 and capfd.readouterr().err == ""


def test_a_busy_port_of_the_past_was_said_to_be_the_apis() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match="SAFEROOM_PAST_PORT"):
            listen("127.0.0.1", port, port_by="SAFEROOM_PAST_PORT")


def test_a_key_that_ends_after_all_calendars_broke_the_list_of_keys(tmp_path: Path) -> None:
    answer = CliRunner().invoke(
        cli.app, ["keys", "create", "--home", str(tmp_path), "--name", "desk", "--days", "36501"]
    )
    assert answer.exit_code == 2 and "--days" in answer.output
    assert not (tmp_path / "keys.json").exists()


def test_an_unreadable_video_is_refused(saferoom: Saferoom, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video" * 100)
    line = saferoom("demo", "--home", tmp_path, "--port", 0, "--video", broken)
    assert "broken.mp4" in line and "decoded" in line
    assert "no such file" in saferoom("demo", "--home", tmp_path, "--port", 0, "--video", tmp_path / "absent")


def test_what_only_the_simulated_site_can_do_is_refused_with_videos(
    saferoom: Saferoom, video: Path, tmp_path: Path
) -> None:
    common = ("demo", "--home", tmp_path, "--port", 0, "--video", video)
    assert "--score" in saferoom(*common, "--score")
    assert "--detector truth" in saferoom(*common, "--detector", "truth")


def test_each_camera_needs_its_source(saferoom: Saferoom, tmp_path: Path) -> None:
    line = saferoom("camera", "--home", tmp_path, "--camera-id", "a", "--camera-id", "b", "--source", "x.mp4")
    assert "2 --camera-id for 1 --source" in line


UNHEARD = [
    ("front door", "front-door"),
    ("hall:2", "hall-2"),
    ("hall/2", "hall-2"),
    ("room1\n", "room1"),
    ("a\tb", "a-b"),
    ("", "room1"),
    (" / ", "room1"),
    ("x" * 201, "x" * 40),
    ("kamera\udcff", "kamera"),
]


@pytest.mark.parametrize(("camera_id", "instead"), UNHEARD)
def test_a_camera_whose_every_frame_was_thrown_away_is_refused_at_the_start(
    saferoom: Saferoom, tmp_path: Path, camera_id: str, instead: str
) -> None:
    """`/cameras` said that it streams, `saferoom doctor` that all is well."""
    line = saferoom("camera", "--home", tmp_path, "--camera-id", camera_id, "--source", "sim://")
    assert line.startswith(f"saferoom: --camera-id {camera_id[:40]!r}: 1 to 128 characters, no space, colon")
    assert line.endswith(f"such as {instead}\n")
    with pytest.raises(PoisonInput, match="camera_id"):
        check(Detections(DEFAULT_SITE, "test", (Frame(camera_id, 1, 640, 480),)))


@pytest.mark.parametrize("camera_id", ["room1", "Tür-3", "門", "📷", "x" * 128])
def test_a_camera_that_the_agent_takes_is_taken_at_the_start(camera_id: str) -> None:
    assert is_name(camera_id)
    check(Detections(DEFAULT_SITE, "test", (Frame(camera_id, 1, 640, 480),)))


@pytest.mark.parametrize("command", ["up", "demo", "worker", "projector", "api", "past", "doctor"])
def test_a_site_that_nothing_can_be_decided_for_is_refused_by_every_command(
    saferoom: Saferoom, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("SAFEROOM_SITE_ID", "Main hall")
    line = saferoom(command)
    assert "SAFEROOM_SITE_ID=Main hall: " in line and "no space, colon or slash" in line
    assert "such as Main-hall" in line
    assert "such as hall-west" in saferoom(command, "--site", "hall/west")


@pytest.mark.parametrize("site_id", ["", "hall\n", "x" * 201])
def test_a_site_id_that_is_refused_is_told_in_one_line(
    saferoom: Saferoom, monkeypatch: pytest.MonkeyPatch, site_id: str
) -> None:
    monkeypatch.setenv("SAFEROOM_SITE_ID", site_id)
    assert "1 to 128 characters" in saferoom("worker")


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("SAFEROOM_ZONES", '{"front door": "west"}', "camera 'front door': 1 to 128"),
        ("SAFEROOM_ZONES", '{"room1": "far west"}', "zone of camera room1 'far west': 1 to 128"),
        ("SAFEROOM_ZONES", '{"room1": "west\\n"}', "zone of camera room1 'west\\n': 1 to 128"),
        ("SAFEROOM_CAMERA_THRESHOLDS", '{"front door": 0.7}', "camera 'front door': 1 to 128"),
        ("SAFEROOM_SITE_THRESHOLDS", '{"main hall": 0.7}', "site or zone 'main hall': 1 to 128"),
        ("SAFEROOM_SITE_DAYS", '{"hall/far west": "same_day"}', "site or zone 'far west': 1 to 128"),
        ("SAFEROOM_SITE_TIME_ZONES", '{"hall/west/2": "UTC"}', "site or zone 'west/2': 1 to 128"),
    ],
)
def test_a_setting_for_a_camera_or_site_that_can_not_be_is_refused(
    saferoom: Saferoom, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    monkeypatch.setenv(variable, value)
    line = saferoom("worker")
    assert variable in line and says in line


def test_a_zone_has_settings_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFEROOM_SITE_THRESHOLDS", '{"hall/west": 0.7}')
    assert settings_from().site_thresholds == {"hall/west": 0.7}


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "videos" / "one.mp4"
    path.parent.mkdir()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 5, (64, 48))
    for level in range(5):
        writer.write(np.full((48, 64, 3), 40 * level, np.uint8))
    writer.release()
    return path


def test_a_directory_stands_for_its_videos(video: Path) -> None:
    (video.parent / "notes.txt").write_text("no video")
    assert video_files([video.parent, video]) == [video, video]
    with pytest.raises(ConfigError, match="no video in this directory"):
        video_files([Path(__file__).parent])


@pytest.mark.parametrize(
    "command",
    [
        ("demo", "--duration", "60"),
        ("verify",),
        ("bench", "load"),
        ("migrate", "--from", "redis://127.0.0.1:1/0"),
        ("reembed",),
    ],
    ids=lambda command: command[0],
)
def test_a_report_that_can_not_be_written_was_refused_after_all_the_work(
    saferoom: Saferoom, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """A demo of an hour told so at its end; bench load and reembed, by a traceback."""
    line = saferoom(*command, "--home", tmp_path, "--json", tmp_path / "missing" / "report.json")
    assert "report.json (no directory" in line and "give --json another place" in line
    line = saferoom(*command, "--home", tmp_path, "--json", tmp_path)
    assert "it is a directory" in line


def test_a_record_to_leave_out_that_is_no_place_was_taken(saferoom: Saferoom, tmp_path: Path) -> None:
    """And left nothing out."""
    line = saferoom("rebuild", "--home", tmp_path, "--leave-out", "reid.events.v1:3:17")
    assert "'reid.events.v1:3:17' is no place: give TOPIC/PARTITION/OFFSET" in line


def test_settings_as_a_table() -> None:
    result = CliRunner().invoke(cli.app, ["doctor", "--settings-table"])
    assert result.exit_code == 0 and "`SAFEROOM_HOME`" in result.output


def test_version_and_help() -> None:
    assert CliRunner().invoke(cli.app, ["version"]).output.strip()
    text = CliRunner().invoke(cli.app, ["--help"]).output
    for command in ("up", "demo", "camera", "worker", "projector", "api", "topics", "events", "doctor"):
        assert command in text


def test_migration_says_what_is_wrong_with_the_old_store(saferoom: Saferoom, tmp_path: Path) -> None:
    assert "--from" in saferoom("migrate", "--from", "http://old", "--home", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    line = saferoom("migrate", "--from", f"redis://127.0.0.1:{port}/0", "--dry-run", "--home", tmp_path)
    assert "the old Redis does not answer" in line
