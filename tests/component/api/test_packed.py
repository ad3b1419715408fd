"""Answers that are sent packed."""

import gzip
import json
from typing import Any

import pytest

from api.packed import LEAST, Packed, takes_gzip

JSON = json.dumps({"persons": ["Visitor-A"] * 500}).encode()


async def answer(
    body: bytes, kind: bytes = b"application/json", takes: bytes = b"gzip, br", parts: int = 1, **more: bytes
) -> tuple[dict[str, str], bytes]:
    """Headers and body of an application that answers ``body``, as a client gets them."""

    async def app(_: Any, __: Any, send: Any) -> None:
        given = {b"content-type": kind, b"content-length": b"%d" % len(body)}
        given |= {name.replace("_", "-").encode(): value for name, value in more.items()}
        await send({"type": "http.response.start", "status": 200, "headers": list(given.items())})
        for part in range(parts):
            last = part == parts - 1
            await send({"type": "http.response.body", "body": body if last else b"", "more_body": not last})

    async def send(message: Any) -> None:
        sent.append(message)

    sent: list[Any] = []
    scope = {"type": "http", "headers": [(b"accept-encoding", takes)]}
    await Packed(app)(scope, None, send)  # type: ignore[arg-type]
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return headers, b"".join(one["body"] for one in sent[1:])


async def test_a_list_of_persons_is_a_tenth_of_itself() -> None:
    headers, body = await answer(JSON)
    assert len(body) < len(JSON) / 10 and gzip.decompress(body) == JSON
    assert headers["content-length"] == str(len(body))
    assert (headers["content-encoding"], headers["vary"]) == ("gzip", "Accept-Encoding")


async def test_who_does_not_take_it_packed_gets_it_as_it_is() -> None:
    headers, body = await answer(JSON, takes=b"gzip;q=0, identity")
    assert body == JSON and headers["content-length"] == str(len(JSON))
    assert headers["vary"] == "Accept-Encoding" and "content-encoding" not in headers


@pytest.mark.parametrize(
    "asked",
    [
        {"body": JSON[: LEAST - 1]},
        {"body": JSON, "kind": b"image/jpeg"},
        {"body": JSON, "content_encoding": b"gzip"},
        {"body": JSON, "parts": 2},
    ],
    ids=["short", "a picture", "packed", "in parts"],
)
async def test_what_is_short_or_packed_or_comes_in_parts_is_left_alone(asked: dict[str, Any]) -> None:
    headers, body = await answer(**asked)
    assert body == asked["body"] and headers["content-length"] == str(len(body))
    assert "vary" not in headers


@pytest.mark.parametrize(
    ("said", "taken"),
    [("gzip", True), ("br, GZIP ;q=0.5", True), ("", False), ("gzip;q=0", False), ("gzip; q=0.0", False)],
)
def test_no_gzip_was_taken_for_gzip(said: str, taken: bool) -> None:
    assert takes_gzip(said) is taken
