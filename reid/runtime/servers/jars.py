"""The jars of the embedded Kafka: exactly those of ``kafka.lock``, fetched once, verified at every start."""

import contextlib
import hashlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reid.errors import ConfigError
from reid.runtime.servers import Progress
from reid.runtime.servers.claim import unusable, usable_directory

LOCK_FILE: Final = Path(__file__).with_name("kafka.lock")
KAFKA: Final = "org.apache.kafka:kafka_2.13"
_ATTEMPTS: Final = 3
_THREADS: Final = 8
_TIMEOUT_S: Final = 60


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock: ``group:artifact:version sha256 bytes``."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    def line(self) -> str:
        return f"{self.coordinate} {self.sha256} {self.size}"


def parse(text: str, source: str = LOCK_FILE.name) -> tuple[Jar, ...]:
    """Jars of a lock's text; blank lines and ``#`` comments are skipped. Raises `ConfigError`."""
    jars = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            coordinate, digest, size = line.split()
            group, artifact, version = coordinate.split(":")
            if len(bytes.fromhex(digest)) != hashlib.sha256().digest_size:
                raise ValueError("not a SHA-256")
            jars.append(Jar(group, artifact, version, digest.lower(), int(size)))
        except ValueError as error:
            raise ConfigError(
                f"{source} line {number} is damaged ({error}): reinstall SafeRoom, "
                "or make the lock anew with `python -m reid.runtime.servers.lock`"
            ) from error
    if not any(f"{jar.group}:{jar.artifact}" == KAFKA for jar in jars):
        raise ConfigError(f"{source} does not name {KAFKA}: reinstall SafeRoom")
    return tuple(jars)


def locked() -> tuple[Jar, ...]:
    """The jars that this version of SafeRoom runs."""
    return parse(LOCK_FILE.read_text())


def kafka_version(jars: tuple[Jar, ...]) -> str:
    return next(jar.version for jar in jars if f"{jar.group}:{jar.artifact}" == KAFKA)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(
    jars: tuple[Jar, ...],
    directory: Path,
    repository: str | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Paths of ``jars`` in ``directory``, each with its SHA-256 verified; missing ones are downloaded.

    A download goes to a private folder and is renamed into place only once verified, so that a torn file
    never counts, an interrupted fetch goes on where it stopped, and two processes may share ``directory``.
    ``repository``: URL of a Maven mirror. Raises `ConfigError` naming the jar and the remedy.
    """
    usable_directory(directory)
    missing = [jar for jar in jars if not _present(jar, directory)]
    if missing:
        meter = _Meter(progress, sum(jar.size for jar in missing))
        with _staging(directory) as staging, ThreadPoolExecutor(_THREADS) as pool:
            work = [pool.submit(_download, jar, directory, staging, repository, meter) for jar in missing]
            try:
                for job in work:
                    job.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return [directory / jar.file_name for jar in jars]


def _present(jar: Jar, directory: Path) -> bool:
    path = directory / jar.file_name
    if not path.exists():
        return False
    if sha256(path) == jar.sha256:
        return True
    # Bit rot or tampering after we had verified it: never run it, never silently replace it.
    raise ConfigError(
        f"{path} has not the SHA-256 that kafka.lock gives for {jar.coordinate}: "
        "delete this file and start again to fetch it anew"
    )


@contextlib.contextmanager
def _staging(directory: Path) -> Iterator[Path]:
    try:
        staging = Path(tempfile.mkdtemp(prefix=".fetch-", dir=directory))
    except OSError as error:
        raise unusable(directory, error) from error
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


class _Meter:
    """Sums the bytes of parallel downloads for one progress callback."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def track(self, name: str, size: int) -> Iterator[Callable[[int], None]]:
        """jgo's callback: its name and size of one file in, a function of bytes got out."""
        got = 0

        def add(count: int) -> None:
            nonlocal got
            got += count
            self._add(name, count)

        try:
            yield add
        except BaseException:
            self._add(name, -got)  # it will be fetched again from its beginning
            raise

    def _add(self, name: str, count: int) -> None:
        if self._progress is not None:
            with self._lock:
                self._done += count
                self._progress(name, self._done, self._total)


def _download(jar: Jar, directory: Path, staging: Path, repository: str | None, meter: _Meter) -> None:
    from requests import RequestException

    reason = ""
    for attempt in range(_ATTEMPTS):
        cache = staging / f"{jar.file_name}-{attempt}"
        try:
            got = _artifact(jar, cache, repository, meter).resolve()
            digest = sha256(got)
            if digest == jar.sha256:
                got.replace(directory / jar.file_name)
                return
            raise ConfigError(
                f"{jar.coordinate} came with SHA-256 {digest}, kafka.lock expects {jar.sha256}: "
                "the repository or a proxy on the way alters files; use another network, "
                "or set SAFEROOM_MAVEN_REPOSITORY to another mirror"
            )
        except (RequestException, RuntimeError) as error:  # RuntimeError: jgo's word for 404 and the like
            reason = _reason(error)
        except OSError as error:
            raise unusable(directory, error) from error
    raise ConfigError(
        f"can't download {jar.coordinate} ({reason}): check the network, "
        "set SAFEROOM_MAVEN_REPOSITORY to a mirror, or KAFKA_BOOTSTRAP_SERVERS to a Kafka of your own"
    )


def _artifact(jar: Jar, cache: Path, repository: str | None, meter: _Meter) -> Any:
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(
        resolver=PythonResolver(progress_callback=meter.track),
        repo_cache=cache,
        local_repos=[],
        remote_repos={"mirror": repository.rstrip("/")} if repository else None,
        timeout=_TIMEOUT_S,
    )
    return context.project(jar.group, jar.artifact).at_version(jar.version).artifact()


def _reason(error: Exception) -> str:
    """One short line: requests nests its causes several levels deep, the innermost says it."""
    cause: BaseException = error
    while (deeper := cause.__context__ or cause.__cause__) is not None:
        cause = deeper
    return " ".join(f"{type(cause).__name__}: {cause}".split())[:160]
