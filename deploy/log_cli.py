"""Commands on the topics and what is in them: ``saferoom topics``, ``events``, ``audit``."""

from pathlib import Path
from typing import Annotated

import typer

from deploy import options

topics_app = typer.Typer(help="The Kafka topics.", no_args_is_help=True)
events_app = typer.Typer(help="The event log.", no_args_is_help=True)
audit_app = typer.Typer(help="Who searched for whom.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(topics_app, name="topics")
    app.add_typer(events_app, name="events")
    app.add_typer(audit_app, name="audit")


@topics_app.command("create")
def topics_create(kafka: options.Kafka = None, home: options.Home = None) -> None:
    """Create what is missing, check what is there."""
    from deploy.log_commands import create_topics

    create_topics(options.settings_from(kafka=kafka, home=home))


@topics_app.command("list")
def topics_list(kafka: options.Kafka = None, home: options.Home = None) -> None:
    """The topics, their partitions and how much is in them."""
    from deploy.log_commands import list_topics

    list_topics(options.settings_from(kafka=kafka, home=home))


FromBeginning = Annotated[bool, typer.Option("--from-beginning", help="From the first record.")]
Limit = Annotated[int | None, typer.Option("--limit", "-n", min=1, help="So many records.")]


@events_app.command("tail")
def events_tail(
    kafka: options.Kafka = None,
    home: options.Home = None,
    follow: options.Follow = False,
    from_beginning: FromBeginning = False,
    limit: Limit = None,
    as_json: options.JsonLines = False,
) -> None:
    """Print events: offset, time, type, subject, causation. By default the last 20."""
    from deploy.log_commands import Tail, tail_events

    tail_events(options.settings_from(kafka=kafka, home=home), Tail(follow, from_beginning, limit, as_json))


@audit_app.command("tail")
def audit_tail(
    kafka: options.Kafka = None,
    home: options.Home = None,
    follow: options.Follow = False,
    from_beginning: FromBeginning = False,
    limit: Limit = None,
    as_json: options.JsonLines = False,
) -> None:
    """Print searches: when, who, what for, with what, whom it found. By default the last 20."""
    from deploy.log_commands import Tail, tail_searches

    tail_searches(options.settings_from(kafka=kafka, home=home), Tail(follow, from_beginning, limit, as_json))


@events_app.command("export")
def events_export(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="- for standard output (jsonl).")],
    kafka: options.Kafka = None,
    home: options.Home = None,
    kind: Annotated[str, typer.Option("--format", metavar="jsonl|parquet", help="What to write.")] = "jsonl",
    from_offset: Annotated[int, typer.Option(min=0, help="First offset, of each partition.")] = 0,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Events from then on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Events before then.")] = None,
    event_type: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="NAME", help="Such as reid.person.*; repeatable."),
    ] = None,
    templates: Annotated[
        bool, typer.Option("--with-templates", help="With the embeddings: what persons look like.")
    ] = False,
) -> None:
    """Write the event log to a file: flat columns, and each event whole as JSON."""
    from deploy.export import Export, run

    wanted = Export(out, kind, from_offset, since, until, tuple(event_type or ()), templates)
    run(options.settings_from(kafka=kafka, home=home), wanted)
