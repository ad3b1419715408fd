"""The answer to a request that can't be read as what it should be: each place and its fault, never what stood
there, which may be large, and may be nothing that JSON can hold."""

import math
from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

#: Faults of one answer; how many more there are is told.
MOST: Final = 20
#: Characters of a name in a place, which may be the client's own, and of what is said.
_NAME, _SAID = 100, 500


async def refused(_: Request, error: Exception) -> JSONResponse:
    """Exception handler of `RequestValidationError`: 422."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    faults = [_fault(one) for one in found[:MOST]]
    if len(found) > MOST:
        left = len(found) - MOST
        faults.append({"type": "more", "loc": [str(found[MOST]["loc"][0])], "msg": f"and {left} more faults"})
    return JSONResponse({"detail": faults}, 422)


def _fault(found: Mapping[str, Any]) -> dict[str, Any]:
    """``ctx``: what the place should have held, for programs."""
    fault: dict[str, Any] = {
        "type": found["type"],
        "loc": [_plain(part, _NAME) for part in found["loc"]],
        "msg": _plain(found["msg"], _SAID),
    }
    known = found.get("ctx") or {}
    ctx = {name: _plain(value, _SAID) for name, value in known.items() if _is_plain(value)}
    return fault | ({"ctx": ctx} if ctx else {})


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def _plain(value: Any, most: int) -> Any:
    """A text that can be encoded: half a surrogate pair can't."""
    return value.encode(errors="replace").decode()[:most] if isinstance(value, str) else value
