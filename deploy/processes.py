"""Each process alone: logs set up, then its blocking entry point."""

from collections.abc import Sequence

from reid.contracts.names import is_name, with_remedy
from reid.errors import ConfigError
from reid.runtime import logs
from reid.runtime.settings import Settings


def run_cameras(
    settings: Settings,
    camera_ids: Sequence[str],
    sources: Sequence[str],
    *,
    loop: bool = False,
) -> None:
    """The n-th source is the n-th camera's. Raises `ConfigError` when their numbers differ, or for an id of
    which the agent would refuse every frame."""
    if len(camera_ids) != len(sources):
        raise ConfigError(
            f"{len(camera_ids)} --camera-id for {len(sources)} --source: give one of each for each camera"
        )
    for camera_id in camera_ids:
        if not is_name(camera_id):
            raise ConfigError(with_remedy("--camera-id", camera_id))
    from producers.run import CameraSpec, run

    logs.configure(settings, "cameras")
    specs = [
        CameraSpec(camera_id, source, loop=loop)
        for camera_id, source in zip(camera_ids, sources, strict=True)
    ]
    run(specs, settings)


def run_embedder(settings: Settings) -> None:
    from producers.embedder.server import run

    logs.configure(settings, "embedder")
    run(settings)


def run_worker(settings: Settings) -> None:
    from streams.worker import run

    logs.configure(settings, "worker")
    run(settings)


def run_projector(settings: Settings) -> None:
    from projections.projector import run

    logs.configure(settings, "projector")
    run(settings)


def run_api(settings: Settings) -> None:
    from api.server import run

    logs.configure(settings, "api")
    run(settings)


def run_alerts(settings: Settings) -> None:
    from streams.alerting.process import run

    logs.configure(settings, "alerts")
    run(settings)


def run_zones(settings: Settings) -> None:
    from streams.zones.process import run

    logs.configure(settings, "zones")
    run(settings)


def run_past(settings: Settings) -> None:
    from deploy.past_server import run

    logs.configure(settings, "past")
    run(settings)
