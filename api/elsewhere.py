"""HTTP clients to the other processes that the API asks."""

import ssl
from functools import cache
from typing import Final

import httpx

#: Seconds that an idle connection is kept. The processes asked close theirs after 5 (uvicorn's default): a
#: request that met the closing got no answer.
_IDLE_S: Final = 2.0
LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=_IDLE_S)


def asking(timeout_s: float) -> httpx.AsyncClient:
    """A client that gives up after ``timeout_s`` seconds, and that no proxy variable of the environment
    leads away."""
    return httpx.AsyncClient(timeout=timeout_s, trust_env=False, verify=_trusted(), limits=LIMITS)


@cache
def _trusted() -> ssl.SSLContext:
    """One for all: to read the certificates takes longer than to put an application together."""
    return httpx.create_ssl_context()
