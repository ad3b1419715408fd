"""The options that every command shares, and how they become `Settings`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from reid.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from reid.runtime.settings import Settings

Kafka = Annotated[
    str | None,
    typer.Option("--kafka", metavar="HOST:PORT", help="Your own Kafka. Default: the embedded one."),
]
Redis = Annotated[
    str | None, typer.Option("--redis", metavar="URL", help="Your own Redis. Default: the embedded one.")
]
Site = Annotated[str | None, typer.Option("--site", metavar="ID", help="The site. Default: global.")]
Home = Annotated[Path | None, typer.Option("--home", metavar="DIR", help="State directory.")]
Port = Annotated[
    int | None, typer.Option("--port", min=0, max=65535, help="Port of the API; 0 takes a free one.")
]
PastPort = Annotated[
    int | None, typer.Option("--port", min=0, max=65535, help="Port; 0, the default, takes a free one.")
]
Detector = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME|FILE",
        help="auto, headnet, hog, truth (simulated site), a fetched model, or a model file.",
    ),
]
Embedder = Annotated[
    str | None,
    typer.Option(
        "--embedder",
        metavar="NAME|FILE",
        help="stripenet-512, appearance-512, a fetched model (saferoom models), or a model file.",
    ),
]
Distractors = Annotated[
    str,
    typer.Option(
        "--distractors",
        metavar="auto|none|ID[,ID]",
        help="Numbers that are no one person; auto: 0, where there are junk crops (-1) too.",
    ),
]
Alerts = Annotated[
    Path | None,
    typer.Option("--alerts", metavar="FILE", help="Alert rules and receivers (YAML, docs/alerts.md)."),
]
Fps = Annotated[float | None, typer.Option("--fps", help="Frames a second taken from each camera.")]
#: Of a setting that is complained about.
_SHOWN_CHARS: Final = 200
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Report = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the whole report.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
JsonLines = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Wait for more.")]


def settings_from(
    *,
    kafka: str | None = None,
    redis: str | None = None,
    site: str | None = None,
    home: Path | None = None,
    port: int | None = None,
    past_port: int | None = None,
    detector: str | None = None,
    embedder: str | None = None,
    fps: float | None = None,
    alerts: Path | None = None,
) -> "Settings":
    """Options over environment over ``.env`` over defaults. Raises `ConfigError` naming the setting."""
    from pydantic import ValidationError

    from reid.runtime.settings import Settings

    given = {
        "kafka_bootstrap_servers": kafka,
        "redis_url": redis,
        "site_id": site,
        "home": home,
        "api_port": port,
        "past_port": past_port,
        "detector": detector,
        "embedder": embedder,
        "camera_fps": fps,
        "alerts": alerts,
    }
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigError(_explained(error)) from error
    except ValueError as error:  # pydantic-settings: a variable that should hold JSON does not
        raise ConfigError(f"settings: {error}; see `saferoom doctor --settings-table`") from error
    return _with_paths(settings)


def _with_paths(settings: "Settings") -> "Settings":
    """Names of fetched models become their paths, so that everything behind sees files only."""
    from reid.runtime.doctor import BUILTIN_DETECTORS, BUILTIN_EMBEDDERS

    if settings.detector in BUILTIN_DETECTORS and settings.embedder in BUILTIN_EMBEDDERS:
        return settings
    from producers.models.store import resolved

    found = {name: resolved(getattr(settings, name), settings.home) for name in ("detector", "embedder")}
    return settings.model_copy(update=found)


def environment_of(settings: "Settings") -> dict[str, str]:
    """Variables that make a child process read the same settings, wherever they came from."""
    import json

    from pydantic import SecretStr

    from reid.runtime.settings_table import environment_names

    found = {}
    for name, value in settings.model_dump(mode="json").items():
        given = getattr(settings, name)
        if isinstance(given, SecretStr):
            value = given.get_secret_value()
        if value is not None:
            variable = environment_names(name, type(settings).model_fields[name])[0]
            found[variable] = json.dumps(value) if isinstance(value, dict | list) else str(value)
    return found


def _explained(error: "ValidationError") -> str:
    """One line of pydantic's many."""
    complaints = []
    for detail in error.errors(include_url=False, include_context=False):
        name = ".".join(str(part) for part in detail["loc"])
        variable = name if name.isupper() else f"SAFEROOM_{name.upper()}"
        # The remedy may be a name, which keeps its letters; a line break in the input would make two lines.
        given, told = str(detail["input"])[:_SHOWN_CHARS], str(detail["msg"]).removeprefix("Value error, ")
        given = "***" if "password" in name.lower() else given
        shown = given if given.isprintable() else repr(given)
        complaints.append(f"{variable}={shown}: {told[:1].lower()}{told[1:]}")
    return "; ".join(complaints) + "; see `saferoom doctor --settings-table`"
