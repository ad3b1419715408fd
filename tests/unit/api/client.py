"""Starlette's test client. It asks for ``httpx2``, which nothing else here needs, by a warning on import."""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`")
    from fastapi.testclient import TestClient

__all__ = ["TestClient"]
