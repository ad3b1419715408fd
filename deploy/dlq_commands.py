"""``saferoom dlq``: what could not be decided or shown, why, and sending it again."""

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from deploy import options
from reid.contracts.cloudevents import rfc3339

dlq_app = typer.Typer(help="The dead letters.", no_args_is_help=True)
_Topic = Annotated[
    str | None, typer.Option("--topic", metavar="TOPIC", help="Only those of this source topic.")
]
_SHOWN_BYTES: Final = 2000
_ERROR_CHARS: Final = 160
_WIDTHS: Final = (28, 24, 12, 8, 10)


def register(app: typer.Typer) -> None:
    app.add_typer(dlq_app, name="dlq")


@dlq_app.command("list")
def list_letters(
    kafka: options.Kafka = None,
    home: options.Home = None,
    topic: _Topic = None,
    as_json: options.JsonLines = False,
) -> None:
    """Place of the original, time, reason, error, and whether it was sent again."""
    found = _found(options.settings_from(kafka=kafka, home=home).kafka(), topic)
    if as_json:
        sys.stdout.writelines(json.dumps(facts) + "\n" for facts in found)
        return
    for facts in found:
        again = "sent again" if facts["replayed"] else ""
        columns = (facts["place"], facts["at"], facts["reason"], str(facts["bytes"]), again)
        line = " ".join(f"{text:<{width}}" for text, width in zip(columns, _WIDTHS, strict=True))
        sys.stdout.write(f"{line} {facts['error'][:_ERROR_CHARS]}\n")
    if not found:
        sys.stdout.write("no dead letters\n")


@dlq_app.command("show")
def show(
    place: Annotated[str, typer.Argument(metavar="TOPIC/PARTITION/OFFSET", help="Of the original.")],
    kafka: options.Kafka = None,
    home: options.Home = None,
    raw: Annotated[bool, typer.Option("--raw", help="Only the original bytes, unchanged.")] = False,
) -> None:
    """One letter: reason, headers, content."""
    from deploy.dead_letters import letters, place_of
    from reid.errors import ConfigError

    wanted = place_of(place)
    bootstrap = options.settings_from(kafka=kafka, home=home).kafka()
    letter = next((x for x in letters(bootstrap, wanted.topic) if x.place == wanted), None)
    if letter is None:
        raise ConfigError(f"no dead letter of {place}: see `saferoom dlq list`")
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
        return
    (facts,) = [f for f in _found(bootstrap, wanted.topic) if f["place"] == str(wanted)]
    value = letter.value or b""
    facts["key"] = None if letter.key is None else letter.key.decode(errors="backslashreplace")
    facts["headers"] = {name: text.decode(errors="backslashreplace") for name, text in letter.headers}
    facts["value"] = value[:_SHOWN_BYTES].decode(errors="backslashreplace")
    sys.stdout.write(json.dumps(facts, indent=2) + "\n")


@dlq_app.command("replay")
def replay(
    kafka: options.Kafka = None,
    home: options.Home = None,
    topic: _Topic = None,
    place: Annotated[
        list[str] | None,
        typer.Option("--place", metavar="TOPIC/PARTITION/OFFSET", help="Only this letter; repeatable."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Send letters to their topic again, once each: what was sent again before is left out, and so is what
    came back, unless --place names it."""
    from deploy.dead_letters import place_of
    from deploy.dlq_replay import replay as run

    settings = options.settings_from(kafka=kafka, home=home)
    outcome = run(settings.kafka(), topic, [place_of(text) for text in place or []])
    sent, before, returned = ([str(letter.place) for letter in part] for part in outcome)
    if as_json:
        sys.stdout.write(json.dumps({"sent": sent, "sent_before": before, "came_back": returned}) + "\n")
        return
    lines = [f"sent {text}" for text in sent] + [f"sent before: {text}" for text in before]
    lines += [
        f"came back, left out: {text}; once what it says is mended: --place {text}" for text in returned
    ]
    sys.stdout.write("\n".join(lines or ["no dead letters"]) + "\n")


def _found(bootstrap: str, topic: str | None) -> Sequence[dict[str, Any]]:
    from deploy.dead_letters import letters, replays

    done = {place for place, entry in replays(bootstrap).items() if entry.state == "done"}
    return [
        {
            "place": str(letter.place),
            "at": rfc3339(letter.at),
            "reason": letter.reason,
            "error": letter.error,
            "bytes": letter.cut or len(letter.value or b""),
            "cut": bool(letter.cut),
            "sha256": _digest(letter.value),
            "replayed": letter.place in done,
        }
        for letter in letters(bootstrap, topic)
    ]


def _digest(value: bytes | None) -> str | None:
    import hashlib

    return None if value is None else hashlib.sha256(value).hexdigest()
