"""A written page, parsed: it must need nothing but itself."""

import re
from html.parser import HTMLParser


class Parsed(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def assert_self_contained(text: str) -> Parsed:
    parsed = Parsed()
    parsed.feed(text)
    assert "http" not in re.sub(r'http-equiv="', "", text)
    assert not [tag for tag, _ in parsed.tags if tag in ("script", "link", "iframe", "object")]
    sources = [attrs["src"] or "" for _, attrs in parsed.tags if "src" in attrs]
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    return parsed
