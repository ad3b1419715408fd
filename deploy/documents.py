"""Writes the parts of README.md that are computed: one CloudEvents example of each event."""

import re
from pathlib import Path
from typing import Final

import msgspec

from deploy.scene import Told, scene
from reid.contracts.cloudevents import headers_of
from reid.contracts.codec import EVENT_TYPES, encode, type_name

BEGIN, END = "<!-- events: begin (make docs) -->", "<!-- events: end -->"
_SECTION: Final = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)


def events_section() -> str:
    """Markdown: for each event type its fullest example in the scene, as a Kafka record."""
    fullest: dict[str, Told] = {}
    for example in sorted(scene(), key=lambda told: len(encode(told.event))):
        fullest[type_name(example.event)] = example
    parts = []
    for name in EVENT_TYPES:
        event, cause, ordinal = fullest[name]
        headers = "\n".join(f"{k}: {v.decode()}" for k, v in headers_of(event, cause, ordinal))
        value = msgspec.json.format(encode(event), indent=2).decode()
        doc = re.split(r"[.:;]\s", " ".join((type(event).__doc__ or "").split()) + " ")[0]
        parts.append(
            f"<details><summary><code>{name}</code> {doc}</summary>\n\n"
            f"```\nkey: {event.site_id}\n{headers}\n```\n```json\n{value}\n```\n</details>"
        )
    return "\n".join(parts)


def with_events(readme: str) -> str:
    """``readme`` with the section between the two markers made anew."""
    return _SECTION.sub(lambda _: f"{BEGIN}\n{events_section()}\n{END}", readme)


def write(root: Path) -> None:
    """Brings README.md under ``root`` up to date."""
    readme = root / "README.md"
    readme.write_text(with_events(readme.read_text()))
