"""Every setting, read from ``SAFEROOM_*`` variables and ``.env``.

``docs/settings.md`` is generated from this class (``saferoom doctor --settings-table``).
"""

import json
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from reid.contracts.topics import DEFAULT_SITE
from reid.errors import ConfigError

Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(gt=0.0)]


def _default_home() -> Path:
    return Path(platformdirs.user_state_path("saferoom"))


class Settings(BaseSettings):
    """Defaults are those of one machine: embedded servers, loopback only."""

    model_config = SettingsConfigDict(
        env_prefix="SAFEROOM_", env_file=".env", extra="ignore", populate_by_name=True
    )

    home: Path = Field(
        default_factory=_default_home, description="State directory: server data, logs, downloads."
    )
    kafka_bootstrap_servers: str | None = Field(
        None,
        validation_alias=AliasChoices("KAFKA_BOOTSTRAP_SERVERS", "SAFEROOM_KAFKA_BOOTSTRAP_SERVERS"),
        description="host:port of your own Kafka. Unset: the embedded one.",
    )
    redis_url: str | None = Field(
        None,
        validation_alias=AliasChoices("REDIS_URL", "SAFEROOM_REDIS_URL"),
        description="redis:// address of your own Redis. Unset: the embedded one.",
    )
    site_id: str = Field(DEFAULT_SITE, description="Site whose persons this process serves.")
    partitions: int = Field(4, ge=1, description="Partitions of the detections, commands and events topics.")
    replication_factor: int = Field(1, ge=1, description="Replicas of each topic.")

    api_host: str = Field("127.0.0.1", description="Address that the API binds.")
    api_port: int = Field(8000, ge=0, le=65535, description="Port of the API; 0 takes a free one.")
    command_timeout: Seconds = Field(
        5.0, description="Seconds that a POST waits for its outcome before it answers 202."
    )

    ready_lag: int = Field(
        1000, ge=0, description="Records that a view may be behind its log while the API says it is ready."
    )

    history_entries: int = Field(
        1000, ge=10, le=100_000, description="Newest steps of a person's history that the view keeps."
    )

    similarity_threshold: Unit = Field(
        0.6, description="Calibrated similarity from which two appearances are one person."
    )
    camera_thresholds: dict[str, float] = Field(
        default_factory=dict, description='JSON, thresholds of single cameras: {"room1": 0.65}.'
    )
    site_thresholds: dict[str, float] = Field(
        default_factory=dict, description='JSON, thresholds of single sites: {"annex": 0.65}.'
    )
    margin: Unit = Field(0.03, description="By how much the best candidate must beat the next.")
    min_samples: int = Field(3, ge=1, description="Good crops of a track before it is given an identity.")
    max_samples: int = Field(
        12, ge=1, description="Crops after which a track in doubt is given its best candidate."
    )
    min_quality: Unit = Field(0.25, description="Crop quality below which a crop is no evidence.")
    max_templates: int = Field(10, ge=1, description="Diverse templates kept of a person.")
    seen_interval: Seconds = Field(1.0, description="Seconds between two PersonSeen of one track.")
    track_timeout: Seconds = Field(5.0, description="Seconds without detection after which a track ended.")
    visit_gap: Seconds = Field(300.0, description="Seconds of absence after which a new visit begins.")
    ttl_days: int = Field(90, ge=1, description="Days without a sighting after which a person expires.")

    alerts: Path | None = Field(
        None, description="YAML file of alert rules and receivers (docs/alerts.md). Unset: no alerts."
    )

    worker_id: str = Field("worker-0", description="Name of a worker instance: its static group membership.")
    snapshot_events: int = Field(
        5000, ge=1, description="Events after which the state is written down, so that a restart is short."
    )
    max_clock_skew: Seconds = Field(
        1800.0,
        description="Seconds that a message's times may be off its Kafka timestamp; beyond: a dead letter.",
    )
    watchdog_seconds: Seconds = Field(
        60.0,
        description="Seconds that inputs may wait undecided before the worker ends itself to be restarted.",
    )
    linger_ms: int = Field(50, ge=0, description="Milliseconds that a producer gathers frames for a message.")
    detector: str = Field(
        "hog", description="hog, truth (simulated site only), a fetched model, or the path of one."
    )
    embedder: str = Field(
        "stripenet-512",
        description="stripenet-512 (learned), appearance-512 (no training), a fetched model, or a path.",
    )
    camera_fps: float = Field(5.0, gt=0, description="Frames a second taken from each camera.")
    embed_interval: Seconds = Field(0.4, description="Seconds between two embeddings of one track.")
    maven_repository: str | None = Field(
        None, description="Mirror of Maven Central to fetch the embedded Kafka from."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Log level.")

    @field_validator("home", "alerts")
    @classmethod
    def _expand(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @property
    def endpoints_file(self) -> Path:
        """Where `saferoom up` and `saferoom demo` leave the addresses of what they started."""
        return self.home / "run" / "endpoints.json"

    def kafka(self) -> str:
        """Bootstrap servers: the setting, else the running embedded Kafka. Raises `ConfigError`."""
        return self.kafka_bootstrap_servers or self._running("kafka", "KAFKA_BOOTSTRAP_SERVERS")

    def redis(self) -> str:
        """Redis URL: the setting, else the running embedded Redis. Raises `ConfigError`."""
        return self.redis_url or self._running("redis", "REDIS_URL")

    def _running(self, server: str, variable: str) -> str:
        try:
            address = json.loads(self.endpoints_file.read_text())[server]
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(
                f"no {server} to talk to: start the embedded one with `saferoom up`, "
                f"or set {variable} to your own"
            ) from error
        return str(address)
