"""``docs/schemas/`` and ``docs/asyncapi.yaml``, made from the message types, and the history of their shapes.

A shape is what a schema allows, without its prose. Every shape that was ever published stays in
``docs/schemas/history/<type>/<n>.json``; a new one is added only when it reads all that the older ones
allowed, since messages of all of them are in somebody's log.
"""

import json
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from reid.contracts import asyncapi
from reid.contracts.compatibility import breaches
from reid.contracts.schemas import MESSAGE_TYPES, Schema, json_schema, shape
from reid.contracts.upcasters import UPCASTERS
from reid.errors import ConfigError
from reid.runtime.settings import Settings

SCHEMAS: Final = Path("docs/schemas")
HISTORY: Final = SCHEMAS / "history"
ASYNCAPI: Final = Path("docs/asyncapi.yaml")
_HEAD: Final = "# Generated from reid/contracts by `saferoom docs`; a test keeps it current.\n"


def documents(root: Path) -> dict[Path, str]:
    """Path under ``root`` -> content of every document made from the contracts, new shapes included.

    Raises `ConfigError` when a type changed so that it can't read what was published before.
    """
    schemas = _schemas()
    found = {SCHEMAS / f"{name}.json": _json(schema) for name, schema in schemas.items()}
    found[ASYNCAPI] = _asyncapi()
    breached = _broken(root, schemas)
    if breached:
        raise ConfigError(
            f"{'; '.join(breached)}: give the new field a default, or make it a type of the next version "
            "with a step in reid/contracts/upcasters.py"
        )
    for name, schema in schemas.items():
        published, now = history(root, name), shape(schema)
        if not published or published[-1] != now:
            found[HISTORY / name / f"{len(published) + 1}.json"] = _json(now)
    return found


def history(root: Path, name: str) -> list[dict[str, Any]]:
    """All published shapes of a type, the oldest first."""
    files = sorted((root / HISTORY / name).glob("*.json"), key=lambda path: int(path.stem))
    return [json.loads(path.read_text()) for path in files]


def broken(root: Path) -> list[str]:
    """What of the published shapes can't be read any more, as ``type, shape n: field: why``."""
    return _broken(root, _schemas())


def _schemas() -> dict[str, Schema]:
    return {name: json_schema(kind) for name, kind in MESSAGE_TYPES.items()}


def _broken(root: Path, schemas: Mapping[str, Schema]) -> list[str]:
    found = []
    for name, now in schemas.items():
        for number, published in enumerate(history(root, name), 1):
            found += [f"{name}, shape {number}: {breach}" for breach in breaches(published, now)]
    known = schemas.keys() | {step.source for step in UPCASTERS}
    gone = {path.name for path in (root / HISTORY).glob("*") if path.is_dir()} - known
    return found + [f"{name}: gone without an upcaster" for name in sorted(gone)]


def stale(root: Path) -> list[str]:
    """Documents that are not, or not any more, what the contracts say. Raises `ConfigError`."""
    return _differing(root, documents(root))


def _differing(root: Path, made: Mapping[Path, str]) -> list[str]:
    """Of ``made``, path -> content, those that ``root`` holds otherwise; and schemas of no type."""
    wrong = [path for path, text in made.items() if _text(root / path) != text]
    extra = {path.relative_to(root) for path in (root / SCHEMAS).glob("*.json")} - made.keys()
    return sorted(str(path) for path in (*wrong, *extra))


def write(root: Path) -> list[str]:
    """Brings them up to date; returns which were not. Raises `ConfigError`, having changed nothing."""
    made = documents(root)
    changed = _differing(root, made)
    for name in changed:
        path = root / name
        if Path(name) not in made:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made[Path(name)])
    return changed


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _asyncapi() -> str:
    import yaml

    defaults = {name: Settings.model_fields[name].default for name in ("partitions", "replication_factor")}
    content = asyncapi.document(version("saferoom-reid"), *defaults.values())
    text: str = yaml.dump(content, sort_keys=False, width=110, allow_unicode=True, Dumper=_plain(yaml))
    return _HEAD + re.sub(r"[ ]+$", "", text, flags=re.MULTILINE)


def _plain(yaml: Any) -> Any:
    """A dumper without anchors: what is shared in memory is written out each time. libyaml's, where it is."""

    class Plain(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        def ignore_aliases(self, data: object) -> bool:
            return True

    return Plain
