"""Make ``kafka.lock`` anew: ``python -m reid.runtime.servers.lock 4.4.0``.

Resolves the broker and its runtime dependencies, adds the slf4j binding, downloads each jar, checks it
against the SHA-1 that the repository publishes, and writes coordinates, SHA-256 and sizes.
"""

import hashlib
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from reid.errors import ConfigError
from reid.runtime.servers.jars import KAFKA, LOCK_FILE, Jar, sha256

_HEAD = (
    "# The embedded Kafka, by `python -m reid.runtime.servers.lock`: group:artifact:version sha256 bytes\n"
)


def resolve(kafka_version: str | None, cache: Path) -> list[Jar]:
    """Every jar that the broker needs at run time, sorted; the newest release when no version is given."""
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(resolver=PythonResolver(), repo_cache=cache, local_repos=[], timeout=60)
    if kafka_version is None:
        project = context.project(*KAFKA.split(":"))
        project.update()
        kafka_version = project.release
    broker, needed = context.resolver.resolve([context.create_dependency(f"{KAFKA}:{kafka_version}")])
    artifacts = [dependency.artifact for dependency in [*broker, *needed]]
    # Kafka logs through slf4j; without a binding it would log nothing, and with another version not start.
    api = next(artifact for artifact in artifacts if artifact.artifactId == "slf4j-api")
    artifacts.append(context.project(api.groupId, "slf4j-simple").at_version(api.version).artifact())
    with ThreadPoolExecutor(8) as pool:
        return sorted(pool.map(_measure, artifacts), key=Jar.line)


def _measure(artifact: Any) -> Jar:
    from jgo.util import http

    path = artifact.resolve()
    repository = next(iter(artifact.context.remote_repos.values()))
    url = f"{repository}/{artifact.component.path_prefix.as_posix()}/{artifact.filename}.sha1"
    published = http.get(url, timeout=artifact.context.timeout).text.split()[0]
    if hashlib.sha1(path.read_bytes()).hexdigest() != published:
        raise ConfigError(f"{artifact.filename} is not the file whose SHA-1 the repository publishes")
    return Jar(artifact.groupId, artifact.artifactId, artifact.version, sha256(path), path.stat().st_size)


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        jars = resolve(sys.argv[1] if len(sys.argv) > 1 else None, Path(cache))
    LOCK_FILE.write_text(_HEAD + "".join(f"{jar.line()}\n" for jar in jars))


if __name__ == "__main__":
    main()
