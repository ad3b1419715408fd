"""HTTP clients to the other processes that the API asks."""

import ssl
from functools import cache

import httpx


def asking(timeout_s: float) -> httpx.AsyncClient:
    """A client that gives up after ``timeout_s`` seconds, and that no proxy variable of the environment
    leads away."""
    return httpx.AsyncClient(timeout=timeout_s, trust_env=False, verify=_trusted())


@cache
def _trusted() -> ssl.SSLContext:
    """One for all: to read the certificates takes longer than to put an application together."""
    return httpx.create_ssl_context()
