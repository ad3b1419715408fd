"""The checks that need no server; those that do are in tests/integration/test_doctor.py."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from reid.errors import ConfigError
from reid.runtime import doctor
from reid.runtime.doctor import Check, check_api_port, check_camera, check_home, check_model, run_checks
from reid.runtime.servers import ports
from reid.runtime.settings import Settings

MakeSettings = Callable[..., Settings]


def _by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_nothing_started_yet_is_told_with_what_to_do(make_settings: MakeSettings) -> None:
    checks = _by_name(run_checks(make_settings()))
    assert checks["Python"].ok and checks["State directory"].ok
    for server in ("Kafka", "Redis"):
        assert not checks[server].ok
        assert "saferoom up" in checks[server].remedy
    assert not checks["Topics"].ok and "no Kafka" in checks["Topics"].detail
    assert checks["Detector"].ok and checks["Embedder"].ok and checks["API port"].ok


def test_a_server_that_does_not_answer_is_named(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_TIMEOUT_S", 0.1)
    kafka, redis = ports.choose(2)
    settings = make_settings(
        kafka_bootstrap_servers=f"127.0.0.1:{kafka}", redis_url=f"redis://:s3cret@127.0.0.1:{redis}/0"
    )
    checks = _by_name(run_checks(settings))
    assert str(kafka) in checks["Kafka"].detail and "KAFKA_BOOTSTRAP_SERVERS" in checks["Kafka"].remedy
    assert str(redis) in checks["Redis"].detail and "REDIS_URL" in checks["Redis"].remedy
    assert not any("s3cret" in check.detail + check.remedy for check in checks.values())


def test_a_redis_url_of_another_scheme_is_refused_without_its_password(make_settings: MakeSettings) -> None:
    check = doctor.check_redis(make_settings(redis_url="memcached://u:s3cret@127.0.0.1:1/0"))
    assert not check.ok and "s3cret" not in check.detail + check.remedy
    assert "redis://host:port/0" in check.remedy


def test_the_way_out_of_a_redis_url_with_no_port_was_to_see_its_log(make_settings: MakeSettings) -> None:
    check = doctor.check_redis(make_settings(redis_url="redis://127.0.0.1:port/0"))
    assert "no valid port" in check.detail and "redis://host:port/0" in check.remedy


def test_a_home_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check = check_home(tmp_path / "file" / "home")
    assert not check.ok and "SAFEROOM_HOME" in check.remedy


def test_a_model_by_path(tmp_path: Path) -> None:
    assert check_model("detector", "hog", ("hog", "truth")).ok
    missing = check_model("detector", str(tmp_path / "yolo.onnx"), ("hog", "truth"))
    assert not missing.ok and "SAFEROOM_DETECTOR" in missing.remedy and "hog or truth" in missing.remedy
    (tmp_path / "yolo.onnx").write_bytes(b"x" * 2_000_000)
    assert check_model("detector", str(tmp_path / "yolo.onnx"), ("hog",)).detail.endswith("2.0 MB")


class _Answer(BaseHTTPRequestHandler):
    body = b"{}"

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], int]]:
    servers: list[tuple[HTTPServer, threading.Thread]] = []

    def start(body: bytes) -> int:
        server = HTTPServer(("127.0.0.1", 0), type("Answer", (_Answer,), {"body": body}))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return server.server_port

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_api_port_is_free_ours_or_somebody_elses(serve: Callable[[bytes], int]) -> None:
    (free,) = ports.choose(1)
    assert check_api_port("127.0.0.1", free).detail == f"{free} is free"
    assert check_api_port("127.0.0.1", 0).ok
    ours = check_api_port("127.0.0.1", serve(b'{"person_reid": {"enabled": true}}'))
    assert ours.ok and "SafeRoom is running" in ours.detail
    for body in (b'{"hello": 1}', b"not json", b"[]"):
        other = check_api_port("127.0.0.1", serve(body))
        assert not other.ok and "SAFEROOM_API_PORT" in other.remedy


def test_a_camera_is_probed() -> None:
    def dead() -> str:
        raise ConfigError("source rtsp://x does not open: check its address")

    assert check_camera("room1", lambda: "640x480") == Check("Camera room1", True, "640x480")
    assert check_camera("room2", dead) == Check(
        "Camera room2", False, "source rtsp://x does not open", "check its address"
    )
