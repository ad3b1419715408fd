"""``saferoom bench``: its sub-command and its options."""

from pathlib import Path
from typing import Annotated

import typer

from deploy import options

bench_app = typer.Typer(help="What this machine, or servers of your own, carry.", no_args_is_help=True)
_SITE = "load"


def register(app: typer.Typer) -> None:
    app.add_typer(bench_app, name="bench")


@bench_app.callback()
def bench() -> None:
    """What this machine, or servers of your own, carry."""


@bench_app.command()
def load(
    cameras: Annotated[int, typer.Option(min=1, help="Cameras that are imitated.")] = 8,
    people: Annotated[
        float, typer.Option(min=0.1, max=1000, help="In front of each camera at a time, on average.")
    ] = 5,
    fps: Annotated[float, typer.Option(min=0.1, max=60, help="Frames a second of each camera.")] = 10,
    dwell: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long one stays, on average.")
    ] = 20,
    returning: Annotated[
        float, typer.Option(min=0, max=1, help="Share of arrivals who were here before.")
    ] = 0.7,
    alike: Annotated[
        float, typer.Option(min=0.05, max=0.999, help="Cosine of two looks at one person.")
    ] = 0.85,
    dim: Annotated[int, typer.Option(min=16, max=4096, help="Numbers of an embedding.")] = 512,
    seed: Annotated[int, typer.Option(min=0, help="Who comes when, and what they look like.")] = 0,
    duration: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Measured for so long.")] = 60,
    warmup: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Before that.")] = 10,
    api: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Of a system that runs: only load it. With --kafka, and its --site."
        ),
    ] = None,
    kafka: options.Kafka = None,
    redis: options.Redis = None,
    site: Annotated[
        str, typer.Option(metavar="ID", help="Site of the invented people, whose events stay in the log.")
    ] = _SITE,
    home: options.Home = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the numbers.")
    ] = None,
) -> None:
    """Imitate cameras by a statistical model; tell the rates reached, the lag and the latencies."""
    from deploy.bench.crowd import Crowd
    from deploy.bench.load import LoadPlan, run

    settings = options.settings_from(kafka=kafka, redis=redis, site=site, home=home, port=0)
    crowd = Crowd(
        cameras=cameras, people=people, fps=fps, dwell_s=dwell, returning=returning, alike=alike, dim=dim,
        seed=seed,
    )  # fmt: skip
    raise typer.Exit(run(settings, LoadPlan(crowd, duration, warmup, api, json_file)))
