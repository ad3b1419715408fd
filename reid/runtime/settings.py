"""Every setting, read from ``SAFEROOM_*`` variables and ``.env``.

``docs/settings.md`` is generated from this class (``saferoom doctor --settings-table``).
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from reid.contracts.names import RULE, is_name, with_remedy
from reid.contracts.topics import DEFAULT_SITE
from reid.contracts.zones import SEPARATOR
from reid.errors import ConfigError
from reid.runtime.kafka_access import Access, Address, Mechanism, Protocol
from reid.runtime.kafka_login import access_from

Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


def _default_home() -> Path:
    return Path(platformdirs.user_state_path("saferoom"))


def _name(what: str, value: str, otherwise: str) -> str:
    if not is_name(value):
        raise ValueError(with_remedy(what, value, otherwise))
    return value


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
    kafka_security_protocol: Protocol = Field(
        "PLAINTEXT", description="What your own Kafka asks for: TLS (SSL), a user (SASL_…), or both."
    )
    kafka_sasl_mechanism: Mechanism = Field(
        "SCRAM-SHA-512",
        description="How the user is asked for. PLAIN sends the password itself: with TLS only.",
    )
    kafka_username: str | None = Field(None, description="User at your Kafka.")
    kafka_password: SecretStr | None = Field(None, description="Its password.")
    kafka_password_file: Path | None = Field(
        None, description="File that holds the password instead, as secrets of Docker and Kubernetes do."
    )
    kafka_ca_file: Path | None = Field(
        None, description="PEM file of the CA that vouches for your Kafka. Unset: the CAs of this system."
    )
    kafka_certificate_file: Path | None = Field(
        None, description="PEM file of our own certificate, where Kafka asks clients for one."
    )
    kafka_key_file: Path | None = Field(None, description="PEM file of that certificate's key.")
    kafka_key_password: SecretStr | None = Field(None, description="Password of that key, where it has one.")
    redis_url: str | None = Field(
        None,
        validation_alias=AliasChoices("REDIS_URL", "SAFEROOM_REDIS_URL"),
        description="redis:// address of your own Redis. Unset: the embedded one.",
    )
    site_id: str = Field(DEFAULT_SITE, description=f"Site whose persons this process serves: {RULE}.")
    zones: dict[str, str] = Field(
        default_factory=dict,
        description="JSON, for a site larger than one core: the zone that decides a camera first, "
        '{"room1": "west", "room2": "east"} (docs/scale.md).',
    )
    partitions: int = Field(4, ge=1, description="Partitions of the detections, commands and events topics.")
    replication_factor: int = Field(1, ge=1, description="Replicas of each topic.")

    api_host: str = Field("127.0.0.1", description="Address that the API binds.")
    api_port: int = Field(8000, ge=0, le=65535, description="Port of the API; 0 takes a free one.")
    past_host: str = Field("127.0.0.1", description="Address that `saferoom past` binds.")
    past_port: int = Field(0, ge=0, le=65535, description="Port of `saferoom past`; 0 takes a free one.")
    past_url: str | None = Field(
        None,
        description="Where the API finds `saferoom past`, which answers `?at=`. Unset: the one that runs on "
        "this state directory.",
    )
    command_timeout: Seconds = Field(
        5.0, description="Seconds that a POST waits for its outcome before it answers 202."
    )

    auth: Literal["auto", "on", "loopback"] = Field(
        "auto",
        description="Who may: auto asks for keys or tokens where the API is bound beyond loopback, or where "
        "there are any; on: always; loopback: you vouch that only loopback reaches it (a container).",
    )
    keys_file: Path | None = Field(
        None, description="API keys, hashed (`saferoom keys`). Unset: keys.json in the state directory."
    )
    oidc_issuer: str | None = Field(None, description="Issuer of JWTs (OpenID Connect) that are taken.")
    oidc_audience: str | None = Field(None, description="Audience that those must be meant for.")
    oidc_jwks: str | None = Field(None, description="URL or file of the issuer's keys (JWKS).")
    oidc_role_claim: str = Field(
        "saferoom_role", description="Claim that names viewer, operator or admin; dots lead into it."
    )
    oidc_site_claim: str = Field(
        "saferoom_sites", description="Claim that names the sites, * for all; dots lead into it."
    )
    session_hours: float = Field(12.0, gt=0, description="Hours that a session of the page lasts.")
    rate_limit: float = Field(
        50.0, ge=0, description="Requests a second of one caller, where access is asked for; 0: no limit."
    )
    rate_burst: float = Field(200.0, ge=1, description="Requests that one caller may make at once.")

    ready_lag: int = Field(
        1000, ge=0, description="Records that a view may be behind its log while the API says it is ready."
    )

    history_entries: int = Field(
        1000, ge=10, le=100_000, description="Newest steps of a person's history that the view keeps."
    )

    review_days: float = Field(
        3.0,
        ge=0,
        description="Days after which a question that nobody answered leaves the review queue; 0: it stays.",
    )

    similarity_threshold: Unit = Field(
        0.6, description="Calibrated similarity from which two appearances are one person."
    )
    camera_thresholds: dict[str, Unit] = Field(
        default_factory=dict, description='JSON, thresholds of single cameras: {"room1": 0.65}.'
    )
    site_thresholds: dict[str, Unit] = Field(
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
    days: Literal["same_day", "multi_day"] = Field(
        "multi_day",
        description="Who was last seen on an earlier day is recognised by a stricter score (multi_day) or "
        "never by appearance alone (same_day). What falls short is suggested on the page.",
    )
    day_strictness: Unit = Field(
        0.15, description="How much more than the threshold it takes to recognise somebody of an earlier day."
    )
    day_start_hour: float = Field(
        4.0, ge=0, lt=24, description="Local hour at which a day begins: a visit past midnight is one."
    )
    time_zone: str = Field("UTC", description="Time zone of the site, such as Europe/Berlin.")
    site_days: dict[str, Literal["same_day", "multi_day"]] = Field(
        default_factory=dict, description='JSON, days of single sites: {"annex": "same_day"}.'
    )
    site_time_zones: dict[str, str] = Field(
        default_factory=dict, description='JSON, time zones of single sites: {"annex": "Asia/Tokyo"}.'
    )
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
        "auto",
        description="auto (headnet; on the simulated site hog), headnet (learned), hog (no training), truth "
        "(simulated site only), a fetched model, or a path.",
    )
    embedder: str = Field(
        "stripenet-512",
        description="stripenet-512 (learned), appearance-512 (no training), a fetched model, or a path.",
    )
    embedder_host: str = Field(
        "127.0.0.1", description="Address of the process that embeds pictures for searches."
    )
    embedder_port: int = Field(0, ge=0, le=65535, description="Its port; 0 takes a free one.")
    embedder_url: str | None = Field(
        None, description="Where the API finds it. Unset: the one of the same state directory."
    )
    camera_fps: float = Field(
        5.0, gt=0, allow_inf_nan=False, description="Frames a second taken from each camera."
    )
    embed_interval: Seconds = Field(0.4, description="Seconds between two embeddings of one track.")
    crops: Literal["off", "on"] | None = Field(
        None,
        description="Keep a few pictures of each person. Unset: on in `saferoom demo`, off otherwise, for "
        "what real cameras see is personal data that nobody asked to keep.",
    )
    crops_blur: Literal["none", "faces", "all"] = Field(
        "none",
        description="Pixelate in stored crops and live pictures: the head region (faces), or whole persons.",
    )
    crops_store: str | None = Field(
        None,
        description="Where crops are kept: a directory, or s3://bucket/prefix (needs the extra `s3`). Unset: "
        "`crops` in the state directory.",
    )
    crops_s3_endpoint: str | None = Field(
        None, description="Address of an S3-compatible server that is not Amazon's."
    )
    crops_max_mib: int = Field(2048, ge=1, description="MiB of crops kept of a site; the oldest go first.")
    crops_max_days: Seconds = Field(90.0, description="Days after which a crop is deleted, whoever it shows.")
    live_pictures: bool = Field(
        True, description="Cameras publish a small picture of what they see, for the page."
    )
    live_pictures_fps: float = Field(2.0, gt=0, le=2, description="Live pictures a second of each camera.")
    attributes: bool = Field(True, description="Cameras name clothing colours, pattern and height class.")
    maven_repository: str | None = Field(
        None, description="Mirror of Maven Central to fetch the embedded Kafka from."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Log level.")

    @field_validator(
        "kafka_username",
        "kafka_password",
        "kafka_password_file",
        "kafka_ca_file",
        "kafka_certificate_file",
        "kafka_key_file",
        "kafka_key_password",
        mode="before",
    )
    @classmethod
    def _empty(cls, value: Any) -> Any:
        """A variable that is set to nothing, as Compose does with one that is unset, is unset."""
        return None if value == "" else value

    @field_validator("kafka_security_protocol", "kafka_sasl_mechanism", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("site_id")
    @classmethod
    def _site(cls, value: str) -> str:
        return _name("site", value, DEFAULT_SITE)

    @field_validator("zones", "camera_thresholds")
    @classmethod
    def _cameras(cls, value: dict[str, Any]) -> dict[str, Any]:
        for camera in value:
            _name("camera", camera, "room1")
        return value

    @field_validator("zones")
    @classmethod
    def _zones(cls, value: dict[str, str]) -> dict[str, str]:
        for camera, zone in value.items():
            _name(f"zone of camera {camera}", zone, "west")
        return value

    @field_validator("site_thresholds", "site_days", "site_time_zones")
    @classmethod
    def _sites(cls, value: dict[str, Any]) -> dict[str, Any]:
        """A zone of a site may have its own: ``hall/west``."""
        for site in value:
            for part in site.split(SEPARATOR, 1):
                _name("site or zone", part, DEFAULT_SITE)
        return value

    @field_validator(
        "home", "alerts", "kafka_password_file", "kafka_ca_file", "kafka_certificate_file", "kafka_key_file"
    )
    @classmethod
    def _expand(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @property
    def crops_location(self) -> str:
        """Directory or ``s3://`` address of the crop store."""
        return self.crops_store or str(self.home / "crops")

    @property
    def endpoints_file(self) -> Path:
        """Where `saferoom up` and `saferoom demo` leave the addresses of what they started."""
        return self.home / "run" / "endpoints.json"

    @property
    def keys_path(self) -> Path:
        return (self.keys_file or self.home / "keys.json").expanduser()

    def kafka(self) -> Address:
        """Bootstrap servers, and our access there: the setting, else the running embedded Kafka.
        Raises `ConfigError`."""
        servers = self.kafka_bootstrap_servers or self._running("kafka", "KAFKA_BOOTSTRAP_SERVERS")
        return Address(servers, self.kafka_access())

    def kafka_access(self) -> Access:
        """Raises `ConfigError` for settings that do not go together, and for files that can't be read."""
        return access_from(self)

    def redis(self) -> str:
        """Redis URL: the setting, else the running embedded Redis. Raises `ConfigError`."""
        return self.redis_url or self._running("redis", "REDIS_URL")

    def _running(self, server: str, variable: str) -> str:
        try:
            address = json.loads(self.endpoints_file.read_text())[server]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise ConfigError(
                f"no {server} to talk to: start the embedded one with `saferoom up`, "
                f"or set {variable} to your own"
            ) from error
        return str(address)
