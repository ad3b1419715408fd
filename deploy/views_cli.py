"""Commands on the read models and the past: ``rebuild``, ``projections``, ``replay``, ``explain``."""

from typing import Annotated

import typer

from deploy import options

projections_app = typer.Typer(help="The read models in Redis.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(projections_app, name="projections")
    app.command()(rebuild)
    app.command()(replay)
    app.command()(explain)


def rebuild(
    kafka: options.Kafka = None,
    redis: options.Redis = None,
    home: options.Home = None,
    scratch_db: Annotated[
        int | None,
        typer.Option(
            "--scratch-db", min=0, help="Redis database to fill. Default: the live one's number + 1."
        ),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option("--leave-out", metavar="TOPIC/PARTITION/OFFSET", help="A record no view can apply."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only compare the live view with the log; 1 if they differ.")
    ] = False,
) -> None:
    """Fill the views anew from the log beside the live ones, and swap them in."""
    from deploy.rebuild_command import rebuild as run

    settings = options.settings_from(kafka=kafka, redis=redis, home=home)
    raise typer.Exit(run(settings, scratch_db, leave_out or [], verify))


@projections_app.command("status")
def projections_status(
    kafka: options.Kafka = None,
    redis: options.Redis = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> None:
    """How far each view is behind each partition of its log."""
    from deploy.rebuild_command import status

    status(options.settings_from(kafka=kafka, redis=redis, home=home), as_json)


@projections_app.command("dump")
def projections_dump(
    redis: options.Redis = None,
    home: options.Home = None,
    sha256: Annotated[bool, typer.Option("--sha256", help="Only its SHA-256.")] = False,
) -> None:
    """The persons view as canonical JSON: stores at the same position of the log give the same."""
    from deploy.rebuild_command import dump

    dump(options.settings_from(redis=redis, home=home), sha256)


def replay(
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="Such as 2026-11-22T10:00:00Z.")],
    query: Annotated[
        list[str] | None,
        typer.Argument(help="persons (default), person ID, stats, cameras, config, history ID, GET /PATH."),
    ] = None,
    kafka: options.Kafka = None,
    site: options.Site = None,
    home: options.Home = None,
    serve: Annotated[
        int | None,
        typer.Option("--serve", min=0, max=65535, metavar="PORT", help="Serve the read API as of then."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="On one line.")] = False,
) -> None:
    """Answer as the API would have at a moment in the past, from the log alone."""
    from deploy import replay_command

    settings = options.settings_from(kafka=kafka, site=site, home=home)
    if serve is not None:
        replay_command.serve(settings, at, serve)
        return
    raise typer.Exit(replay_command.answer(settings, at, query or [], as_json))


def explain(
    person_id: Annotated[str, typer.Argument(help="Such as person_1762344658197_0.")],
    kafka: options.Kafka = None,
    site: options.Site = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> None:
    """Why this person is who it is: every step of the log, in order, with its evidence."""
    from deploy.explain_command import explain as run

    run(options.settings_from(kafka=kafka, site=site, home=home), person_id, as_json)
