"""YAML whose every part knows its line, and the complaints that name it."""

import math
from pathlib import Path
from typing import Any, Final

import yaml

from reid.errors import ConfigError

#: Nobody counts further, and the rules keep no greater numbers than 64 bits.
_MOST: Final = 1_000_000


class Part:
    """One node of the file. ``path``: such as ``rules[2].zone``; ``file``: as it was named."""

    def __init__(self, node: yaml.Node, file: str, path: str = "") -> None:
        self._node, self.file, self.path = node, file, path

    @property
    def line(self) -> int:
        return int(self._node.start_mark.line) + 1

    def wrong(self, what: str, remedy: str) -> ConfigError:
        """An error about this part: where, what, what to do."""
        where = f"{self.file}, line {self.line}" + (f", {self.path}" if self.path else "")
        return ConfigError(f"{where}: {what}: {remedy}")

    def entries(self, known: tuple[str, ...] = ()) -> dict[str, "Part"]:
        """Of a mapping. ``known``: the only keys it may have. Raises `ConfigError`."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.wrong(f"{self._shown()} is no mapping", "write `key: value` lines below it")
        found: dict[str, Part] = {}
        for key, value in self._node.value:
            name = str(key.value)
            part = Part(value, self.file, f"{self.path}.{name}" if self.path else name)
            here = Part(key, self.file, part.path)
            if value.start_mark.index == key.end_mark.index:
                # Of `{mon,wed: x}` YAML makes two keys, the first of them with nothing.
                raise here.wrong(f"{name!r} has no colon", "add it; what holds a comma needs quotes here")
            if name in found:
                raise here.wrong(f"{name} stands here twice", "leave one of them out")
            if known and name not in known:
                raise here.wrong(f"there is no {name!r} here", f"choose of {', '.join(known)}")
            found[name] = part
        return found

    def items(self) -> list["Part"]:
        """Of a list; a single value is a list of one. Raises `ConfigError` for a mapping."""
        if isinstance(self._node, yaml.SequenceNode):
            return [Part(n, self.file, f"{self.path}[{i}]") for i, n in enumerate(self._node.value, 1)]
        if isinstance(self._node, yaml.MappingNode):
            raise self.wrong("a mapping is no list", "begin each entry with a dash")
        return [self]

    def some(self, remedy: str) -> list["Part"]:
        """As `items`, but a list of nothing is wrong."""
        found = self.items()
        if not found:
            raise self.wrong("nothing in this list", remedy)
        return found

    @property
    def is_list(self) -> bool:
        return isinstance(self._node, yaml.SequenceNode)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self._node, yaml.MappingNode)

    @property
    def is_empty(self) -> bool:
        return isinstance(self._node, yaml.ScalarNode) and self._node.tag.endswith(":null")

    def text(self) -> str:
        """Raises `ConfigError` for anything but one value."""
        if not isinstance(self._node, yaml.ScalarNode) or self.is_empty:
            raise self.wrong(f"{self._shown()} is no text", "write one value")
        return str(self._node.value)

    def texts(self) -> tuple[str, ...]:
        return tuple(item.text() for item in self.items())

    def number(self) -> float:
        try:
            found = float(self.text())
        except ValueError:
            found = math.nan
        if not math.isfinite(found):  # Python takes "nan" and "inf" for numbers.
            raise self.wrong(f"{self.text()!r} is no number", "write one such as 12")
        return found

    def count(self) -> int:
        """A whole number from 1."""
        found = self.number()
        if not 1 <= found <= _MOST or found != int(found):
            raise self.wrong(f"{found:g} is no count", f"write a whole number from 1 to {_MOST}")
        return int(found)

    def choice(self, *known: str) -> str:
        found = self.text()
        if found not in known:
            raise self.wrong(f"{found!r} is not known", f"choose of {', '.join(known)}")
        return found

    def switch(self) -> bool:
        return self.choice("true", "false", "yes", "no").lower() in ("true", "yes")

    def _shown(self) -> str:
        if isinstance(self._node, yaml.ScalarNode):
            return repr(self._node.value) if not self.is_empty else "nothing"
        return "this"


def read(path: Path) -> Part:
    """The root of a file. Raises `ConfigError`: unreadable, no YAML, empty."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"alert rules {path} can't be read ({reason}): correct SAFEROOM_ALERTS") from error
    return parse(text, str(path))


def parse(text: str, file: str) -> Part:
    """As `read`, of a text."""
    loader: Any = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(
            f"{file}{line}: no YAML ({problem}): mend the line, or the one before it"
        ) from error
    finally:
        loader.dispose()
    if node is None:
        raise ConfigError(f"{file}: empty: see docs/alerts.md for an example")
    return Part(node, file)
