"""One key, one command: a request that comes again is answered, not carried out again.

The command's id is made of the key and of what was asked, so every API process makes the same one, and the
identity agent decides a command id once. The outcome stands under the key: that of another request tells
that the key was used before.
"""

import hashlib
import json
import uuid
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from fastapi import HTTPException

from reid.contracts.codec import encode
from reid.contracts.commands import AnyCommand
from reid.contracts.topics import idempotent_command_id

NAMESPACE: Final = uuid.UUID("c1a9f0f2-8a2b-5c1e-bb1f-3a6a1d0c7e55")
#: Keys whose request this process remembers.
REMEMBERED: Final = 10_000
REUSED: Final = "this Idempotency-Key was used for another request: take a new key"


def command_id(site_id: str, key: str, command: Callable[[dict[str, Any]], AnyCommand]) -> str:
    """Of a request with ``Idempotency-Key: key``. Who asks, and when, is no part of what is asked."""
    asked = command({"site_id": site_id, "issued_at": 0, "command_id": ""})
    name = uuid.uuid5(NAMESPACE, json.dumps([site_id, key]))
    return idempotent_command_id(str(name), hashlib.sha256(encode(asked)).hexdigest()[:32])


class Keys:
    """Requests of this process: of two different ones at once under one key, the second is refused before
    it is sent."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def claim(self, command_id: str, at: int) -> None:
        """Raises `HTTPException` 422 when the key stands for another request. ``at``: ms since the epoch."""
        key = command_id.partition(".")[0]
        known, _ = self._asked.setdefault(key, (command_id, at))
        if known != command_id:
            raise HTTPException(422, REUSED)
        self._asked.move_to_end(key)
        while len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)

    def asked_at(self, command_id: str) -> int | None:
        """When this process first sent it, ms since the epoch; None when it does not know."""
        known, at = self._asked.get(command_id.partition(".")[0], ("", 0))
        return at if known == command_id else None
