"""Who is told of alerts: webhooks and MQTT brokers, from the same file as the rules."""

import base64
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, get_args
from urllib.parse import urlsplit

from reid.contracts.alert_rules import Severity
from reid.runtime.alerts.rules import KEYS
from reid.runtime.alerts.times import duration
from reid.runtime.alerts.yaml_tree import Part

#: What receivers can be told, as in the file -> the event type.
TOLD: Final = {
    "opened": "reid.alert.opened.v1",
    "updated": "reid.alert.updated.v1",
    "closed": "reid.alert.closed.v1",
    "acknowledged": "reid.alert.acknowledged.v1",
}
_COMMON: Final = ("events", "rules", "severity", "attempts", "timeout", "backoff")
_WEBHOOK: Final = ("url", "secret_env", "secret_file")
_MQTT: Final = ("url", "topic", "qos", "username", "password_env", "password_file", "ca_file")
_PREFIX: Final = b"whsec_"
_NAME: Final = re.compile(r"^[A-Za-z0-9._-]{1,60}$")
_TOPIC_PARTS: Final = ("site", "rule", "kind", "severity")


@dataclass(frozen=True, slots=True)
class Receiver:
    """``events``: types that it is told; ``rules``: only of these, empty: of all; ``severity``: this or
    worse. ``timeout_s``: of one attempt; ``backoff_s``: before the second one, doubling then."""

    name: str
    url: str
    events: tuple[str, ...] = (TOLD["opened"], TOLD["closed"])
    rules: tuple[str, ...] = ()
    severity: str = "info"
    attempts: int = 8
    timeout_s: float = 10.0
    backoff_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Webhook(Receiver):
    """``secret``: key of the signature; never shown."""

    secret: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Mqtt(Receiver):
    """``url``: ``mqtt://host:1883`` or ``mqtts://host:8883``. ``topic``: may hold {site}, {rule}, {kind},
    {severity}."""

    topic: str = "saferoom/{site}/alerts"
    qos: int = 1
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None


def key_of(secret: bytes) -> bytes:
    """A secret that starts with ``whsec_`` is base64, as the standard has it; any other is taken as it is.

    Raises `ValueError`: no base64, or none at all.
    """
    if not secret.startswith(_PREFIX):
        return secret
    key = base64.b64decode(secret[len(_PREFIX) :], validate=True)
    if not key:
        raise ValueError("no key behind whsec_")
    return key


def receivers_of(root: Part, rules: tuple[str, ...]) -> list[Receiver]:
    """``rules``: names of the file's rules. Raises `ConfigError`."""
    parts = root.entries(KEYS)
    if "deliver" not in parts or parts["deliver"].is_empty:
        return []
    kinds = parts["deliver"].entries(("webhooks", "mqtt"))
    found: list[Receiver] = []
    for kind, make in (("webhooks", _webhook), ("mqtt", _mqtt)):
        if kind not in kinds or kinds[kind].is_empty:
            continue
        for name, part in kinds[kind].entries().items():
            if not _NAME.match(name):
                raise part.wrong(f"{name!r} is no name", "use letters, digits, dots and dashes")
            if any(name == other.name for other in found):
                raise part.wrong(f"two receivers are called {name!r}", "give each a name of its own")
            found.append(make(name, part, rules))
    return found


def _webhook(name: str, part: Part, rules: tuple[str, ...]) -> Receiver:
    parts = part.entries((*_WEBHOOK, *_COMMON))
    secret = _secret(parts, "secret")
    if secret is None:
        raise part.wrong("no secret to sign with", "name a variable with secret_env, or a file: secret_file")
    signed_with = secret.encode(errors="surrogateescape")  # As the environment has it.
    try:
        key_of(signed_with)
    except ValueError as error:
        named = parts.get("secret_env") or parts["secret_file"]
        raise named.wrong(
            f"the secret in {named.text()} is no base64 behind whsec_",
            "copy it whole, or set one that begins otherwise",
        ) from error
    return Webhook(name, _url(part, parts, ("http", "https")), secret=signed_with, **_common(parts, rules))


def _mqtt(name: str, part: Part, rules: tuple[str, ...]) -> Receiver:
    parts = part.entries((*_MQTT, *_COMMON))
    fields = _common(parts, rules)
    for key in ("username", "ca_file"):
        if key in parts:
            fields[key] = parts[key].text()
    if "topic" in parts:
        fields["topic"] = _topic(parts["topic"])
    password = _secret(parts, "password")
    if password is not None and "username" not in parts:
        # MQTT 3.1.1 has no password without a name, and it would be left out.
        raise part.wrong("a password, but no username", "add `username:`, or leave the password out")
    if "qos" in parts:
        # 0 is no delivery that anybody confirms.
        fields["qos"] = int(parts["qos"].choice("1", "2"))
    return Mqtt(name, _url(part, parts, ("mqtt", "mqtts")), password=password, **fields)


def _topic(part: Part) -> str:
    topic = part.text()
    if not topic:
        raise part.wrong("no topic to publish to", "write one, or leave `topic:` out")
    # A brace that is left over belongs to no part: at the first alert nothing could be put in its place.
    rest = re.sub(rf"\{{({'|'.join(_TOPIC_PARTS)})\}}", "", topic)
    if set("+#{}\x00") & set(rest):
        known = ", ".join(f"{{{word}}}" for word in _TOPIC_PARTS)
        raise part.wrong(f"{topic!r} is no topic to publish to", f"use no wildcard, and only {known}")
    return topic


def _url(part: Part, parts: dict[str, Part], schemes: tuple[str, ...]) -> str:
    if "url" not in parts:
        raise part.wrong("no url", "add `url:`")
    url = parts["url"].text()
    split = urlsplit(url)
    try:
        good = split.scheme in schemes and bool(split.hostname) and (split.port or 1) > 0
    except ValueError:
        good = False
    if not good or split.password:
        raise parts["url"].wrong(
            f"{url!r} is no address", f"write {schemes[0]}://host/…, without any password"
        )
    return url


def _secret(parts: dict[str, Part], key: str) -> str | None:
    """From the environment or a file: what is in the rules is shown and logged."""
    if (named := parts.get(f"{key}_env")) is not None:
        value = os.environ.get(named.text())
        if not value:
            raise named.wrong(f"the environment has no {named.text()}", "set it to the secret")
        return value
    if (named := parts.get(f"{key}_file")) is not None:
        try:
            value = Path(named.text()).expanduser().read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise named.wrong(f"{named.text()} can't be read ({reason})", "write the secret there") from error
        if not value:
            raise named.wrong(f"{named.text()} is empty", "write the secret there")
        return value
    return None


def _common(parts: dict[str, Part], rules: tuple[str, ...]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "events" in parts:
        events = parts["events"].some(f"choose of {', '.join(TOLD)}, or leave `events:` out")
        fields["events"] = tuple(TOLD[item.choice(*TOLD)] for item in events)
    if "rules" in parts:
        named = parts["rules"].some("name a rule, or leave `rules:` out: for all of them")
        fields["rules"] = tuple(item.choice(*rules) for item in named)
    if "severity" in parts:
        fields["severity"] = parts["severity"].choice(*get_args(Severity))
    if "attempts" in parts:
        fields["attempts"] = parts["attempts"].count()
    for key in ("timeout", "backoff"):
        if key in parts:
            fields[f"{key}_s"] = duration(parts[key]) / 1000
    if fields.get("timeout_s") == 0:
        raise parts["timeout"].wrong("nobody can answer in no time", "write a duration such as 10 s")
    return fields
