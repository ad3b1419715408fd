"""``saferoom alerts``: the process itself, and what its receivers did not take."""

import json
import sys
from typing import Annotated, Any

import typer

from deploy import options
from reid.contracts.cloudevents import rfc3339

alerts_app = typer.Typer(invoke_without_command=True)
_Receiver = Annotated[
    str | None, typer.Option("--receiver", metavar="NAME", help="Only of this webhook or MQTT broker.")
]


def register(app: typer.Typer) -> None:
    app.add_typer(alerts_app, name="alerts")


@alerts_app.callback()
def alerts(
    context: typer.Context,
    kafka: options.Kafka = None,
    home: options.Home = None,
    rules: options.Alerts = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only read the rules, and say what they are.")
    ] = False,
) -> None:
    """Run the alert rules over the event log, and tell webhooks and MQTT brokers of what they find."""
    if context.invoked_subcommand is not None:
        return
    from deploy.alerts_command import check_rules
    from deploy.processes import run_alerts

    settings = options.settings_from(kafka=kafka, home=home, alerts=rules)
    if check:
        check_rules(settings)
        return
    run_alerts(settings)


@alerts_app.command("undelivered")
def list_undelivered(
    kafka: options.Kafka = None,
    home: options.Home = None,
    receiver: _Receiver = None,
    as_json: options.JsonLines = False,
) -> None:
    """Alerts that a receiver did not take: place, when, to whom, what, why, and whether sent again."""
    from deploy.undelivered import undelivered

    found = undelivered(options.settings_from(kafka=kafka, home=home).kafka(), receiver)
    for letter in found:
        facts = _facts(letter)
        if as_json:
            sys.stdout.write(json.dumps(facts) + "\n")
            continue
        again = " (sent again)" if letter.sent else ""
        sys.stdout.write(
            f"{facts['place']}  {facts['at']}  {facts['receiver']}  {facts['type']}  {facts['rule']}  "
            f"{facts['error']}{again}\n"
        )
    if not found and not as_json:
        sys.stdout.write("nothing undelivered\n")


@alerts_app.command("resend")
def resend(
    kafka: options.Kafka = None,
    home: options.Home = None,
    rules: options.Alerts = None,
    receiver: _Receiver = None,
    place: Annotated[
        list[str] | None,
        typer.Option(
            "--place", metavar="TOPIC/PARTITION/OFFSET", help="Only this one, even again; repeatable."
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Send undelivered alerts to their receivers again, in order, once each; exit 1 when one is not taken."""
    from deploy import undelivered
    from deploy.dead_letters import place_of
    from reid.errors import ConfigError
    from reid.runtime.alerts.file import load
    from streams.delivery.senders import sender_of

    settings = options.settings_from(kafka=kafka, home=home, alerts=rules)
    if settings.alerts is None:
        raise ConfigError("no receivers: name their file by --alerts or SAFEROOM_ALERTS (docs/alerts.md)")
    receivers = load(settings.alerts).receivers
    places = [place_of(text) for text in place or []]
    sent, failed = undelivered.resend(settings.kafka(), receivers, sender_of, receiver, places)
    if as_json:
        told = {
            "sent": [_facts(letter) for letter in sent],
            "failed": [_facts(letter) | {"error": why} for letter, why in failed],
        }
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        lines = [f"sent {letter.place} to {letter.receiver}" for letter in sent]
        lines += [f"not sent {letter.place} to {letter.receiver}: {why}" for letter, why in failed]
        sys.stdout.write("\n".join(lines or ["nothing to send"]) + "\n")
    raise typer.Exit(1 if failed else 0)


def _facts(letter: Any) -> dict[str, Any]:
    """Of an `Undelivered`, for people and scripts."""
    from reid.contracts.codec import type_name

    return {
        "place": str(letter.place),
        "at": rfc3339(letter.at),
        "receiver": letter.receiver,
        "id": letter.id,
        "type": type_name(letter.alert),
        "rule": letter.alert.rule,
        "alert_id": letter.alert.alert_id,
        "error": letter.error,
        "sent_again": letter.sent,
    }
