"""``saferoom``: one command for all, and each process alone. Imports are lazy: ``--help`` must be instant."""

import errno
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from deploy import (
    alerts_cli,
    bench_cli,
    crops_cli,
    dlq_commands,
    evaluate_cli,
    keys_command,
    log_cli,
    models_command,
    options,
    views_cli,
)
from deploy.calibration import command as calibration
from reid.contracts.names import RULE
from reid.errors import ReidError

app = typer.Typer(
    name="saferoom",
    help="Cross-camera person re-identification: the same person has the same name on all cameras.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help: the rich one costs another 0.3 s of imports.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

#: Exit code for a `ReidError`: something to put right, told in one line.
EXIT_REFUSED = 2
#: No space left, no more allowed to this user, or to a file (`ulimit -f`).
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main() -> None:
    """Entry point. A deliberate error, or a full disk, is one line on stderr; a bug keeps its traceback."""
    try:
        try:
            app()
        finally:
            # Here, and not when the interpreter ends: then it could only say that it ignored what went wrong.
            if sys.stdout is not None:
                sys.stdout.flush()
    except ReidError as error:
        sys.stderr.write(f"saferoom: {error}\n")
        sys.exit(EXIT_REFUSED)
    except OSError as error:
        if error.errno not in (*_FULL, errno.EPIPE):
            raise
        sys.stdout = None  # nothing more may be written at exit either
        if error.errno == errno.EPIPE:  # `saferoom … | head`: the reader has enough
            sys.exit(1)
        sys.stderr.write(f"saferoom: not all could be written: {error.strerror}\n")
        sys.exit(EXIT_REFUSED)


@app.command()
def up(
    kafka: options.Kafka = None,
    redis: options.Redis = None,
    site: options.Site = None,
    home: options.Home = None,
    port: options.Port = None,
    alerts: options.Alerts = None,
) -> None:
    """Start Kafka, Redis, worker, projector, embedder, past and API; cameras come with `saferoom camera`."""
    from deploy.up import run

    run(options.settings_from(kafka=kafka, redis=redis, site=site, home=home, port=port, alerts=alerts))


@app.command()
def demo(
    kafka: options.Kafka = None,
    redis: options.Redis = None,
    site: options.Site = None,
    home: options.Home = None,
    port: options.Port = None,
    detector: options.Detector = None,
    embedder: options.Embedder = None,
    fps: options.Fps = None,
    alerts: options.Alerts = None,
    video: Annotated[
        list[Path] | None,
        typer.Option("--video", metavar="FILE|DIR", help="Videos instead of the simulated site; repeatable."),
    ] = None,
    people: Annotated[int, typer.Option(min=1, max=40, help="People on the simulated site.")] = 12,
    cameras: Annotated[int, typer.Option(min=1, max=8, help="Cameras of the simulated site.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the simulated site.")] = 0,
    family: Annotated[
        int, typer.Option(min=0, max=4, help="So many of the simulated people walk together, and no others.")
    ] = 0,
    cast: Annotated[
        str,
        typer.Option(
            metavar="usual|unusual",
            help="Unusual: a family of three, one who loiters, one in a forbidden room at night, "
            "one who changes the jacket.",
        ),
    ] = "usual",
    loop: Annotated[bool, typer.Option("--loop", help="Begin videos again at their end.")] = False,
    duration: Annotated[
        float | None, typer.Option(min=1, metavar="SECONDS", help="End by itself after so long.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live/--no-live", help="Live tables, or a line now and then.")
    ] = True,
    score: Annotated[bool, typer.Option("--score", help="Compare with the simulated site's truth.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write what was seen.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="Write annotated videos and a contact sheet.")
    ] = None,
) -> None:
    """Start everything with cameras, and show who is where."""
    from deploy.demo import DemoPlan, run

    settings = options.settings_from(
        kafka=kafka,
        redis=redis,
        site=site,
        home=home,
        port=port,
        detector=detector,
        embedder=embedder,
        fps=fps,
        alerts=alerts,
    )
    plan = DemoPlan(
        videos=tuple(video or ()),
        people=people,
        cameras=cameras,
        seed=seed,
        family=family,
        cast=cast,
        loop=loop,
        duration=duration,
        live=live,
        score=score,
        json_file=json_file,
        save=save,
    )
    raise typer.Exit(run(settings, plan))


@app.command()
def camera(
    camera_id: Annotated[
        list[str], typer.Option("--camera-id", metavar="ID", help=f"Such as room1 ({RULE}); repeatable.")
    ],
    source: Annotated[
        list[str],
        typer.Option(
            "--source", metavar="X", help="File, directory, webcam number, URL, sim://; one a camera."
        ),
    ],
    kafka: options.Kafka = None,
    site: options.Site = None,
    home: options.Home = None,
    detector: options.Detector = None,
    embedder: options.Embedder = None,
    fps: options.Fps = None,
    loop: Annotated[bool, typer.Option("--loop", help="Begin files again at their end.")] = False,
) -> None:
    """Run cameras: capture, detect, track, embed, publish. All of them share this process."""
    from deploy.processes import run_cameras

    settings = options.settings_from(
        kafka=kafka, site=site, home=home, detector=detector, embedder=embedder, fps=fps
    )
    run_cameras(settings, camera_id, source, loop=loop)


@app.command()
def embedder(
    home: options.Home = None, detector: options.Detector = None, embedder: options.Embedder = None
) -> None:
    """Run the process that embeds pictures for person search."""
    from deploy.processes import run_embedder

    run_embedder(options.settings_from(home=home, detector=detector, embedder=embedder))


@app.command()
def worker(kafka: options.Kafka = None, site: options.Site = None, home: options.Home = None) -> None:
    """Run the identity agent (Faust)."""
    from deploy.processes import run_worker

    run_worker(options.settings_from(kafka=kafka, site=site, home=home))


@app.command()
def projector(
    kafka: options.Kafka = None,
    redis: options.Redis = None,
    site: options.Site = None,
    home: options.Home = None,
) -> None:
    """Run the projector: events in, views in Redis out."""
    from deploy.processes import run_projector

    run_projector(options.settings_from(kafka=kafka, redis=redis, site=site, home=home))


@app.command()
def api(
    kafka: options.Kafka = None,
    redis: options.Redis = None,
    site: options.Site = None,
    home: options.Home = None,
    port: options.Port = None,
) -> None:
    """Run the HTTP and WebSocket API."""
    from deploy.processes import run_api

    run_api(options.settings_from(kafka=kafka, redis=redis, site=site, home=home, port=port))


@app.command()
def zones(kafka: options.Kafka = None, home: options.Home = None) -> None:
    """Run the post between a site and its zones (SAFEROOM_ZONES): docs/scale.md."""
    from deploy.processes import run_zones

    run_zones(options.settings_from(kafka=kafka, home=home))


@app.command()
def past(
    kafka: options.Kafka = None,
    site: options.Site = None,
    home: options.Home = None,
    port: options.PastPort = None,
) -> None:
    """Serve any moment of the log, for `?at=` and the page's replay slider."""
    from deploy.processes import run_past

    run_past(options.settings_from(kafka=kafka, site=site, home=home, past_port=port))


@app.command()
def verify(
    kafka: options.Kafka = None,
    redis: options.Redis = None,
    home: options.Home = None,
    wait: Annotated[
        float, typer.Option("--wait", min=0, metavar="SECONDS", help="Time for the worker to catch up.")
    ] = 30.0,
    views: Annotated[bool, typer.Option("--views/--no-views", help="Compare the views in Redis too.")] = True,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write what was found.")
    ] = None,
) -> None:
    """Decide all inputs anew and compare with the log and the views; exit 1 when anything differs."""
    from deploy.verify.command import run

    settings = options.settings_from(kafka=kafka, redis=redis, home=home)
    raise typer.Exit(run(settings, wait, views, json_file))


@app.command()
def doctor(
    kafka: options.Kafka = None,
    redis: options.Redis = None,
    site: options.Site = None,
    home: options.Home = None,
    alerts: options.Alerts = None,
    source: Annotated[
        list[str] | None, typer.Option("--source", metavar="X", help="A camera source to try; repeatable.")
    ] = None,
    settings_table: Annotated[
        bool, typer.Option("--settings-table", help="Print every setting as a Markdown table.")
    ] = False,
) -> None:
    """Check Kafka, Redis, topics, cameras and models, and say what to do."""
    from deploy.doctor import print_settings_table, run

    if settings_table:
        print_settings_table()
        return
    settings = options.settings_from(kafka=kafka, redis=redis, site=site, home=home, alerts=alerts)
    raise typer.Exit(run(settings, source or []))


@app.command()
def migrate(
    source: Annotated[str, typer.Option("--from", metavar="URL", help="The old Redis; it is only read.")],
    kafka: options.Kafka = None,
    site: options.Site = None,
    home: options.Home = None,
    dry_run: options.DryRun = False,
    json_file: options.Report = None,
    gallery: Annotated[
        list[str] | None,
        typer.Option("--gallery", metavar="NAME", help="Only this one; repeatable. Default: every camera's."),
    ] = None,
    camera: Annotated[
        list[str] | None,
        typer.Option(
            "--camera", metavar="OLD=NEW", help="What a camera, and its gallery, is called here; repeatable."
        ),
    ] = None,
    model_name: Annotated[str, typer.Option(help="Encoder of the old embeddings.")] = "legacy",
    model_version: Annotated[str, typer.Option(help="Its version.")] = "1",
    calibration: Annotated[
        str,
        typer.Option(
            metavar="measured|raw|KNOTS",
            help="Measured on the old galleries (two records of one are strangers), the raw cosine, "
            "or knots such as 0.8:0,0.95:0.6,1:1.",
        ),
    ] = "measured",
    attempt: Annotated[
        int, typer.Option(min=1, help="2 and more: once again, after a reset; also who was erased since.")
    ] = 1,
) -> None:
    """Bring the persons of the old per-camera galleries into the log.

    Appearances of different encoders are never compared: unless --model-name and --model-version name the
    encoder that the cameras use now, the old ones are compared with each other only.
    """
    from deploy.migrate import Options, run_command

    plan = Options(
        url=source,
        dry_run=dry_run,
        galleries=tuple(gallery or ()),
        model_name=model_name,
        model_version=model_version,
        calibration=calibration,
        attempt=attempt,
        cameras=tuple(camera or ()),
    )
    run_command(options.settings_from(kafka=kafka, site=site, home=home), plan, json_file)


@app.command()
def docs(
    root: Annotated[Path, typer.Option("--root", metavar="DIR", help="The checkout.")] = Path(),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; refuse what is stale.")] = False,
) -> None:
    """Write the generated documents: schemas and their history, AsyncAPI, settings, event examples."""
    from deploy.docs_command import run

    run(root, check=check)


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(installed("saferoom-reid"))


alerts_cli.register(app)
log_cli.register(app)
views_cli.register(app)
crops_cli.register(app)
dlq_commands.register(app)
keys_command.register(app)
models_command.register(app)
calibration.register(app)
evaluate_cli.register(app)
bench_cli.register(app)

if __name__ == "__main__":
    main()
