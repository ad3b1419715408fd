"""``saferoom evaluate``: its sub-commands and their options."""

from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from deploy import options

evaluate_app = typer.Typer(
    help="Measure encoders and the decision rule on data of your own.", no_args_is_help=True
)

Compare = Annotated[
    str | None,
    typer.Option(
        "--compare", metavar="A,B,…", help="Side by side: encoders, or policies as name=value[+name=value…]."
    ),
]
PolicyChange = Annotated[
    list[str] | None,
    typer.Option("--policy", metavar="NAME=VALUE", help="Of the decision rule; repeatable."),
]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the numbers.")]
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write one page with curves and the worst mistakes."),
]
Crops = Annotated[
    Path, typer.Argument(metavar="DIR", help="Crops named like 0001_c1s1_000000_00.jpg (Market-1501).")
]


def register(app: typer.Typer) -> None:
    app.add_typer(evaluate_app, name="evaluate")


@evaluate_app.command()
def stream(
    directory: Crops,
    embedder: options.Embedder = None,
    people: Annotated[int | None, typer.Option(min=2, help="So many people, drawn by seed.")] = None,
    seed: Annotated[str, typer.Option(metavar="S[,S…]", help="One stream each; the mean is told.")] = "0",
    frames: Annotated[
        int | None,
        typer.Option(
            min=1, help="Of a track at least: its crops in turn. Default: the policy's max_samples."
        ),
    ] = None,
    policy: PolicyChange = None,
    compare: Compare = None,
    distractors: options.Distractors = "auto",
    through_kafka: Annotated[
        bool, typer.Option("--through-kafka", help="By the worker behind an embedded Kafka of its own.")
    ] = False,
    home: options.Home = None,
    json_file: Json = None,
    html_file: Html = None,
) -> None:
    """Crops as tracks of people who come in random order; the real rule gives them ids."""
    from deploy.evaluate.stream_command import StreamPlan, in_memory, run
    from deploy.evaluate.variants import seeds_of, variants

    settings = options.settings_from(home=home)
    plan = StreamPlan(
        directory, people, seeds_of(seed), frames, through_kafka, json_file, html_file, distractors
    )
    play = in_memory
    if through_kafka:
        from deploy.evaluate.kafka import ThroughKafka

        play = ThroughKafka(settings)
    run(plan, variants(embedder, policy or [], compare, settings.embedder, settings.home), play)


@evaluate_app.command()
def images(
    directory: Crops,
    embedder: options.Embedder = None,
    compare: Compare = None,
    single_shot: Annotated[
        int | None,
        typer.Option("--single-shot", min=2, metavar="N", help="Also N people, one gallery crop each."),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Of --single-shot; the mean is told.")] = 20,
    gallery: Annotated[
        str, typer.Option(metavar="all|other", help="Strangers of the probe's own camera are in it, or not.")
    ] = "all",
    distractors: options.Distractors = "auto",
    limit: Annotated[int | None, typer.Option(min=2, help="So many people, drawn by seed.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws who is not enrolled, the trials and --limit.")] = 0,
    home: options.Home = None,
    json_file: Json = None,
    html_file: Html = None,
) -> None:
    """How well encoders tell people apart across cameras, single crops and whole tracks."""
    from deploy.evaluate.images import Protocol
    from deploy.evaluate.images_command import ImagesPlan, run
    from deploy.evaluate.variants import variants
    from reid.errors import ConfigError

    if gallery not in ("all", "other"):
        raise ConfigError(f"--gallery {gallery}: all or other")
    protocol = Protocol(gallery == "other", seed, single_shot, trials)
    plan = ImagesPlan(directory, protocol, limit, distractors, json_file, html_file)
    settings = options.settings_from(home=home)
    run(plan, variants(embedder, [], compare, settings.embedder, settings.home))


@evaluate_app.command()
def video(
    site: Annotated[bool, typer.Option("--site", help="The simulated site: this is the default.")] = False,
    mot: Annotated[
        Path | None, typer.Option("--mot", metavar="DIR", help="MOTChallenge folders, one a camera.")
    ] = None,
    videos: Annotated[
        list[Path] | None,
        typer.Option(
            "--videos",
            metavar="PATH",
            help="Your own, without truth: files or directories, each file one camera; repeatable.",
        ),
    ] = None,
    gap: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="S", help="--videos one after another, so many seconds between. Default: together."
        ),
    ] = None,
    known: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="So many people are in --videos.")
    ] = None,
    people: Annotated[int, typer.Option(min=1, max=40, help="People on the simulated site.")] = 12,
    cameras: Annotated[int, typer.Option(min=1, max=8, help="Cameras of the simulated site.")] = 4,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Only so long. Default: 180 of the site, all of the others.")
    ] = None,
    seed: Annotated[str, typer.Option(metavar="S[,S…]", help="One simulated site each.")] = "0",
    detector: options.Detector = None,
    embedder: options.Embedder = None,
    fps: options.Fps = None,
    policy: PolicyChange = None,
    compare: Compare = None,
    home: options.Home = None,
    json_file: Json = None,
    html_file: Html = None,
) -> None:
    """Footage through detector, tracker, encoder and rule: HOTA, IDF1 where truth is known, else ids."""
    from deploy.evaluate.variants import seeds_of, variants
    from deploy.evaluate.video_command import VideoPlan, run
    from reid.errors import ConfigError

    if site + (mot is not None) + bool(videos) > 1:
        raise ConfigError("--site, --mot and --videos are different footage: give one of them")
    if not videos and (gap is not None or known is not None):
        raise ConfigError("--gap and --known are of --videos: give the videos, too")
    for option, length in (("--seconds", seconds), ("--gap", gap)):
        if length is not None and not isfinite(length):
            raise ConfigError(f"{option} {length:g}: give a number of seconds")
    settings = options.settings_from(detector=detector, fps=fps, home=home)
    plan = VideoPlan(
        mot, people, cameras, seconds, seeds_of(seed), json_file, html_file, videos or (), known, gap
    )
    run(plan, variants(embedder, policy or [], compare, settings.embedder, settings.home), settings)
