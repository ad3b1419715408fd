"""What the API's door to Redis does where nobody answers behind it."""

import socket
import time

import pytest

from api.reader import LIMIT_S, RedisReader
from reid.errors import Unavailable


async def test_a_frozen_redis_kept_its_caller_waiting_for_four_time_outs() -> None:
    """Its system takes connections; it answers none."""
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        reader = RedisReader(f"redis://127.0.0.1:{frozen.getsockname()[1]}/0")
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="no answer within 5 s"):
            await reader.hashes(["saferoom:x"])
        assert time.monotonic() - begun < LIMIT_S + 1.5
        await reader.close()
