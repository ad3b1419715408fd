"""Loopback ports: free ones, and after a restart the same ones again, so that clients find the server."""

import json
import socket
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could bind this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As Kafka and Redis do: the TIME_WAIT of the last run's clients must not cost the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose(count: int) -> list[int]:
    """``count`` different free ports. Held open together while choosing, else two could be the same."""
    held = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for probe in held:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in held]
    finally:
        for probe in held:
            probe.close()


def reuse_or_choose(memory: Path, count: int) -> list[int]:
    """The ports noted in ``memory`` where all are still free, else new ones, noted there."""
    try:
        noted = [int(port) for port in json.loads(memory.read_text())]
    except (OSError, ValueError, TypeError):
        noted = []
    if len(noted) == count and all(0 < port < 65536 and is_free(port) for port in noted):
        return noted
    chosen = choose(count)
    memory.write_text(json.dumps(chosen))
    return chosen
