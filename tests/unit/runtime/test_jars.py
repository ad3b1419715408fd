"""The lock of the embedded Kafka, and fetching by it, against a Maven repository on loopback."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reid.errors import ConfigError
from reid.runtime.servers import jars, ports
from reid.runtime.servers.jars import Jar, fetch, kafka_version, locked, parse

DIGEST = "ab" * 32
KAFKA_LINE = f"org.apache.kafka:kafka_2.13:4.4.0 {DIGEST} 10"


class Repository(ThreadingHTTPServer):
    """Serves ``files`` by path; ``cut`` paths end after half of what was announced."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def put(self, artifact: str, content: bytes) -> Jar:
        self.files[f"/org/x/{artifact}/1/{artifact}-1.jar"] = content
        return Jar("org.x", artifact, "1", hashlib.sha256(content).hexdigest(), len(content))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        content = self.server.files.get(self.path)
        self.send_response(404 if content is None else 200)
        content = content or b""
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.path in self.server.cut else content)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def repository() -> Iterator[Repository]:
    with Repository() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_lock_names_a_whole_kafka_4_and_no_host() -> None:
    found = locked()
    assert kafka_version(found).startswith("4.")
    names = {jar.artifact for jar in found}
    assert {"kafka_2.13", "kafka-clients", "slf4j-simple", "scala-library"} <= names
    assert len({jar.file_name for jar in found}) == len(found)
    slf4j = {jar.version for jar in found if jar.group == "org.slf4j"}
    assert len(slf4j) == 1, "binding and API must be of one version"
    assert "//" not in jars.LOCK_FILE.read_text()


def test_a_line_of_the_lock_comes_back_as_it_was_written() -> None:
    (jar,) = parse(f"# head\n\n{KAFKA_LINE}\n")
    assert jar == Jar("org.apache.kafka", "kafka_2.13", "4.4.0", DIGEST, 10)
    assert jar.line() == KAFKA_LINE
    assert jar.file_name == "kafka_2.13-4.4.0.jar"


@pytest.mark.parametrize(
    "line",
    [
        "org.x:a:1",
        f"org.x:a {DIGEST} 1",
        "org.x:a:1 abcd 1",
        f"org.x:a:1 {DIGEST} many",
        f"org.x:a:1 {'zz' * 32} 1",
    ],
)
def test_a_damaged_lock_is_refused_by_line(line: str) -> None:
    with pytest.raises(ConfigError, match=r"line 2 is damaged"):
        parse(f"{KAFKA_LINE}\n{line}\n")


def test_a_lock_without_kafka_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not name"):
        parse(f"org.x:a:1 {DIGEST} 1\n")


def test_fetch_downloads_verifies_and_tells_its_progress(repository: Repository, tmp_path: Path) -> None:
    wanted = (repository.put("a", b"a" * 50_000), repository.put("b", b"b" * 20_000))
    told: list[tuple[int, int]] = []
    paths = fetch(wanted, tmp_path, repository.url, lambda _, done, total: told.append((done, total)))
    assert [path.read_bytes()[:1] for path in paths] == [b"a", b"b"]
    assert told[-1] == (70_000, 70_000)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-1.jar", "b-1.jar"], "no litter"


def test_fetch_asks_only_for_what_is_missing(repository: Repository, tmp_path: Path) -> None:
    a, b = repository.put("a", b"aaa"), repository.put("b", b"bbb")
    fetch((a,), tmp_path, repository.url)
    repository.asked.clear()
    fetch((a, b), tmp_path, repository.url)
    assert {path.split("/")[3] for path in repository.asked} == {"b"}
    repository.asked.clear()
    fetch((a, b), tmp_path, repository.url)
    assert repository.asked == []


def test_a_jar_of_another_content_is_refused_and_not_kept(repository: Repository, tmp_path: Path) -> None:
    jar = repository.put("a", b"as locked")
    repository.put("a", b"something else")
    with pytest.raises(ConfigError, match=r"org\.x:a:1 came with SHA-256 .* expects .*MAVEN_REPOSITORY"):
        fetch((jar,), tmp_path, repository.url)
    assert list(tmp_path.iterdir()) == []


def test_a_half_downloaded_jar_never_counts(repository: Repository, tmp_path: Path) -> None:
    jar = repository.put("a", b"a" * 50_000)
    repository.cut = set(repository.files)
    with pytest.raises(ConfigError, match=r"can't download org\.x:a:1"):
        fetch((jar,), tmp_path, repository.url)
    assert list(tmp_path.iterdir()) == []
    repository.cut = set()
    (path,) = fetch((jar,), tmp_path, repository.url)
    assert path.stat().st_size == 50_000


def test_a_jar_that_the_repository_lacks_is_named(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't download org\.x:a:1 \(RuntimeError: .*not found"):
        fetch((Jar("org.x", "a", "1", DIGEST, 1),), tmp_path, repository.url)


def test_no_network_is_one_line_with_the_remedies(tmp_path: Path) -> None:
    (port,) = ports.choose(1)
    with pytest.raises(ConfigError, match=r"check the network.*KAFKA_BOOTSTRAP_SERVERS") as refused:
        fetch((Jar("org.x", "a", "1", DIGEST, 1),), tmp_path, f"http://127.0.0.1:{port}")
    assert "\n" not in str(refused.value)


def test_a_jar_that_changed_on_disk_is_never_run(repository: Repository, tmp_path: Path) -> None:
    jar = repository.put("a", b"as locked")
    (path,) = fetch((jar,), tmp_path, repository.url)
    path.write_bytes(b"tampered")
    with pytest.raises(ConfigError, match=r"a-1\.jar has not the SHA-256 .*delete this file"):
        fetch((jar,), tmp_path, repository.url)
