"""The API's two busiest questions, beside the same framework and server with a constant answer of the same
bytes: what is left is what our routes, their guard and Redis cost.

``python -m benchmarks.bench.api --serve ours|constant --redis URL`` is the server's process.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
from fastapi import FastAPI, Response

from api.access.gate import Gate
from api.app import create_app
from api.reader import RedisReader
from api.server import listen, serving, url_of
from benchmarks.bench.gallery_log import views_of
from benchmarks.bench.http_load import rate
from benchmarks.bench.row import Row, compared, interleaved
from deploy.past import NoCommands
from projections.redis_store import RedisViewStore
from reid.errors import Unavailable
from reid.runtime.servers.redis import EmbeddedRedis
from reid.runtime.settings import Settings

PERSONS: Final = 1_000
CONNECTIONS: Final = 50


def run(quick: bool) -> list[Row]:
    rounds, seconds = (3, 1.0) if quick else (7, 3.0)
    with (
        tempfile.TemporaryDirectory(prefix="saferoom-bench-") as folder,
        EmbeddedRedis(Path(folder)) as redis,
    ):
        store = RedisViewStore(redis.url)
        ids = views_of(store, PERSONS)
        store.close()
        with _served("ours", redis.url) as ours:
            answers = {path: _body(ours.url + path) for path in ("/persons", f"/persons/{ids[0]}")}
            bodies = [
                _kept(Path(folder), name, body) for name, body in zip("ab", answers.values(), strict=True)
            ]
            with _served("constant", redis.url, *bodies) as constant:
                return [
                    _row(what, paths, body, ours, constant, rounds, seconds)
                    for (what, paths), body in zip(_asked(ids).items(), answers.values(), strict=True)
                ]


def _asked(ids: list[str]) -> dict[str, list[str]]:
    return {
        f"API: GET /persons of {PERSONS:,} persons": ["/persons"],
        "API: GET /persons/{id}": [f"/persons/{id_}" for id_ in ids],
    }


class Served:
    """A server in a process of its own."""

    def __init__(self, url: str, process: psutil.Process) -> None:
        self.url, self._process = url, process

    def cpu_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


def _row(
    what: str, paths: list[str], body: bytes, ours: Served, constant: Served, rounds: int, seconds: float
) -> Row:
    shares: dict[str, list[float]] = {"ours": [], "constant": []}

    def side(name: str, server: Served) -> float:
        before, began = server.cpu_s(), time.perf_counter()
        found = rate(server.url, paths, CONNECTIONS, seconds)
        shares[name].append((server.cpu_s() - before) / (time.perf_counter() - began))
        return found

    found = interleaved(
        rounds, {"ours": lambda: side("ours", ours), "constant": lambda: side("constant", constant)}
    )
    used = {f"cores of the server, {name}": round(sum(s) / len(s), 2) for name, s in shares.items()}
    return compared(
        what, "answers/s", found["ours"], "the same FastAPI with a constant answer", found["constant"],
        floor=0.5, aim=0.8, note=f"{CONNECTIONS} connections, {len(body):,} bytes an answer", more={**used},
    )  # fmt: skip


@contextmanager
def _served(which: str, redis: str, *bodies: Path) -> Iterator[Served]:
    command = [sys.executable, "-m", "benchmarks.bench.api", "--serve", which, "--redis", redis]
    with subprocess.Popen([*command, *map(str, bodies)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise Unavailable(f"the server {which} did not start")
            yield Served(url, psutil.Process(process.pid))
        finally:
            process.terminate()


def _kept(folder: Path, name: str, body: bytes) -> Path:
    path = folder / name
    path.write_bytes(body)
    return path


def _body(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        found: bytes = answer.read()
    return found


def _ours(redis: str, home: Path) -> Any:
    settings = Settings.model_validate({"home": home, "redis_url": redis, "rate_limit": 0})
    return create_app(settings, RedisReader(redis), NoCommands(), _NoLog(), gate=Gate.off())


class _NoLog:
    async def ends(self) -> dict[tuple[str, int], int]:
        return {}


def _constant(all_persons: bytes, one: bytes) -> FastAPI:
    app = FastAPI()

    @app.get("/persons")
    async def persons() -> Response:
        return Response(all_persons, media_type="application/json")

    @app.get("/persons/{person_id}")
    async def person(person_id: str) -> Response:
        return Response(one, media_type="application/json")

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", choices=["ours", "constant"], required=True)
    parser.add_argument("--redis", required=True)
    parser.add_argument("bodies", nargs="*", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, closing(listen("127.0.0.1", 0)) as listener:
        bodies = [path.read_bytes() for path in asked.bodies]
        app = _ours(asked.redis, Path(home)) if asked.serve == "ours" else _constant(*bodies)
        serving(app, lambda: print(url_of(listener), flush=True)).run(sockets=[listener])


if __name__ == "__main__":
    main()
