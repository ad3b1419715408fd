"""``saferoom replay --at T``: any answer of the API as of then, and the whole read API as of then."""

import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final
from urllib.parse import quote

from fastapi import HTTPException

from api import moments
from api.access.gate import Gate
from deploy import log
from deploy.past import Past, app_of
from reid.contracts.cloudevents import rfc3339
from reid.errors import ConfigError
from reid.runtime.settings import Settings

_FIXED: Final = {
    "persons": "/persons",
    "stats": "/persons/stats",
    "cameras": "/cameras",
    "config": "/config",
}
_OF_PERSON: Final = {"person": "/persons/{}", "history": "/persons/{}/history?limit=1000"}


def answer(settings: Settings, at: str, query: Sequence[str], one_line: bool) -> int:
    """Prints one answer as JSON. Returns the exit code: 1 when the API would have refused."""
    path = path_of(query)
    past = fold(settings, at)
    status, body = asyncio.run(_ask(app_of(past, settings, Gate.off()), path))
    sys.stdout.write(json.dumps(body, indent=None if one_line else 2, ensure_ascii=False) + "\n")
    return 0 if status < 400 else 1


def serve(settings: Settings, at: str, port: int) -> None:
    """The read API as of then, until SIGTERM or SIGINT. Changes are refused: 405."""
    from api.commands import now_ms
    from api.server import listen, serving, url_of

    gate = Gate.of(settings, now_ms)
    past = fold(settings, at)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    with closing(listen(settings.api_host, port, port_by="--serve")) as listener:
        said = f"answers as of {rfc3339(past.moment)} at {url_of(listener)}\n"
        serving(app_of(past, settings, gate), lambda: _say(said)).run(sockets=[listener])


def _say(line: str) -> None:
    sys.stderr.write(line)
    sys.stderr.flush()


def fold(settings: Settings, at: str) -> Past:
    """The log up to then. Says on stderr what it read, and what no view could take."""
    past = Past(moment_of(at))
    consumer = log.log_reader(settings.kafka())
    try:
        past.fold(consumer, settings)
    finally:
        consumer.close()
    sys.stderr.write(f"{past.events} events up to {rfc3339(past.moment)}\n")
    for line in past.rejected:
        sys.stderr.write(f"left out, as live: {line}\n")
    return past


def moment_of(text: str, option: str = "--at") -> int:
    """As the API's ``at``. Raises `ConfigError` naming the ``option``."""
    try:
        return moments.moment_of(text)
    except HTTPException as error:
        said = "give a time such as 2026-11-22T10:00:00Z, or milliseconds"
        raise ConfigError(f"{option} {text}: {said}") from error


def path_of(query: Sequence[str]) -> str:
    """``persons``, ``person ID``, ``history ID``, ``GET /any/path?query`` -> path. Raises `ConfigError`."""
    words = list(query) or ["persons"]
    if words[0].upper() == "GET":
        words = words[1:]
    if len(words) == 1 and words[0].startswith("/"):
        return words[0]
    if len(words) == 1 and words[0] in _FIXED:
        return _FIXED[words[0]]
    if len(words) == 2 and words[0] in _OF_PERSON:
        return _OF_PERSON[words[0]].format(quote(words[1], safe=""))
    known = ", ".join([*_FIXED, *(f"{name} ID" for name in _OF_PERSON), "GET /PATH"])
    raise ConfigError(f"don't know {' '.join(query)!r}: ask for one of {known}")


async def _ask(app: Any, path: str) -> tuple[int, Any]:
    import httpx

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        found = await client.get(path)
    kind = found.headers.get("content-type", "")
    return found.status_code, found.json() if kind.startswith("application/json") else found.text
