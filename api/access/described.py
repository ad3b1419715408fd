"""What the API's description says of who may."""

from collections.abc import Sequence
from typing import Any, Final

from starlette.routing import BaseRoute

from api.access.guard import routes_of
from api.access.roles import Role

_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a token of the issuer."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_PROBLEM: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_REFUSALS: Final = {
    "401": "Who are you? No credential, or one that does not count.",
    "403": "Not this caller: another role or site is needed; or a page of another origin asks.",
    "429": "Too many requests of this caller; `Retry-After` says when to ask again.",
}


def with_access(schema: dict[str, Any], routes: Sequence[BaseRoute], on: bool) -> dict[str, Any]:
    """Adds to each operation its role, ``x-role``; where access is asked for, also how, and the refusals."""
    roles = {
        (route.path, method.lower()): route.access.role
        for route in routes_of(routes)
        for method in route.methods or ()
        if route.access is not None
    }
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            role = roles.get((path, method))
            operation["x-role"] = "nobody" if role is None else role.name
            if role is None or role is Role.open:
                continue
            if on:
                operation["security"] = [{name: []} for name in _SCHEMES]
                for status, said in _REFUSALS.items():
                    operation["responses"].setdefault(status, {"description": said, "content": _PROBLEM})
    if on:
        schema.setdefault("components", {})["securitySchemes"] = _SCHEMES
    return schema
