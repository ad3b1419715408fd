"""Starlette's test client. It asks for ``httpx2``, which nothing else here needs, by a warning on import."""

import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`")
    from fastapi.testclient import TestClient as _TestClient

__all__ = ["TestClient"]


class TestClient(_TestClient):
    """Its WebSockets ask for ``testserver`` otherwise, whatever the base URL."""

    __test__ = False

    def websocket_connect(self, url: str, *args: Any, **more: Any) -> Any:
        return super().websocket_connect(f"ws://localhost:8000{url}", *args, **more)
