"""Commands on stored crops: ``saferoom crops show``, ``sweep``, and ``saferoom reembed``."""

import json
import sys

import typer

from deploy import options

crops_app = typer.Typer(help="The stored pictures of persons.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(crops_app, name="crops")
    app.command()(reembed)


@crops_app.command("show")
def show(
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> None:
    """Where crops are kept, and how many of each site."""
    from reid.runtime.crops.select import open_crops

    settings = options.settings_from(home=home)
    store = open_crops(settings)
    sites = {}
    for site in store.sites():
        sizes = [crop.size for crop in store.each(site)]
        sites[site] = {"crops": len(sizes), "bytes": sum(sizes)}
    if as_json:
        sys.stdout.write(json.dumps({"store": settings.crops_location, "sites": sites}) + "\n")
        return
    sys.stdout.write(f"{settings.crops_location}\n")
    for site, found in sites.items():
        sys.stdout.write(f"  {site}: {found['crops']} crops, {found['bytes'] / 1024 / 1024:.1f} MiB\n")


@crops_app.command("sweep")
def sweep(kafka: options.Kafka = None, redis: options.Redis = None, home: options.Home = None) -> None:
    """Delete now what is nobody's, too old or too much; the projector does the same every few minutes."""
    from projections.keeper import sweep_when_current, told
    from projections.projector import keeper_of
    from projections.redis_store import RedisViewStore

    settings = options.settings_from(kafka=kafka, redis=redis, home=home)
    store = RedisViewStore(settings.redis())
    try:
        swept = sweep_when_current(keeper_of(settings, store))
    finally:
        store.close()
    sys.stdout.write(f"{told(swept)}\n")


def reembed(
    embedder: options.Embedder = None,
    kafka: options.Kafka = None,
    redis: options.Redis = None,
    site: options.Site = None,
    home: options.Home = None,
    dry_run: options.DryRun = False,
    json_file: options.Report = None,
) -> None:
    """Make everybody whose pictures are kept known to another encoder, before the cameras change to it."""
    from rich.console import Console

    from deploy import reembed as command
    from deploy.places import check_places
    from deploy.report import write_json

    check_places(json_file)
    settings = options.settings_from(kafka=kafka, redis=redis, site=site, home=home, embedder=embedder)
    report = command.run(settings, dry_run)
    if json_file is not None:
        write_json(json_file, report.plain())
    command.show(report, Console())
