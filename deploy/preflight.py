"""What would fail late is refused at once, before anything is started."""

import contextlib
import socket
from pathlib import Path

from api.access.gate import Gate
from api.commands import now_ms
from reid.errors import ConfigError
from reid.runtime.alerts.file import load
from reid.runtime.doctor import BUILTIN_DETECTORS, BUILTIN_EMBEDDERS
from reid.runtime.kafka_refusal import refuse
from reid.runtime.servers.claim import usable_directory
from reid.runtime.settings import Settings

BUILT_IN = {"detector": BUILTIN_DETECTORS, "embedder": BUILTIN_EMBEDDERS}


def preflight(settings: Settings) -> None:
    """State directory, access to Kafka, API port and who may use it, alert rules, model files. Raises
    `ConfigError` with the remedy."""
    usable_directory(settings.home)
    _kafka_is_ours_or_plain(settings)
    _port_is_free(settings.api_host, settings.api_port)
    Gate.of(settings, now_ms)
    if settings.alerts is not None:
        load(settings.alerts)
    for name, value in (("detector", settings.detector), ("embedder", settings.embedder)):
        if value not in BUILT_IN[name]:
            _model_opens(name, value)


def _kafka_is_ours_or_plain(settings: Settings) -> None:
    access = settings.kafka_access()
    if settings.kafka_bootstrap_servers is None and access.protocol != "PLAINTEXT":
        raise ConfigError(
            f"SAFEROOM_KAFKA_SECURITY_PROTOCOL is {access.protocol}, and the embedded Kafka listens on "
            "loopback alone, in plain text: set KAFKA_BOOTSTRAP_SERVERS to your own, or unset the protocol"
        )
    if settings.kafka_bootstrap_servers is not None:
        refuse(settings.kafka())


def _model_opens(name: str, value: str) -> None:
    """Once, as a camera process will: its file, its runtime, its sidecar."""
    from producers.models.bench import opens
    from producers.models.store import remedy

    if not Path(value).expanduser().is_file():
        choice = " or ".join(BUILT_IN[name])
        advice = remedy(value) or f"give its path, or {choice}"
        raise ConfigError(f"{name} {value}: no such model file; {advice}")
    opens(value, "encoder" if name == "embedder" else "detector")


def _port_is_free(host: str, port: int) -> None:
    if port == 0:
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"API port {port} on {host} can't be had ({error.strerror}): "
                "end what uses it, or choose another with --port (0 takes a free one)"
            ) from error
