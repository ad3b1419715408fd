"""Adds golden records for shapes that have none yet: ``python -m tests.golden.make``. Overwrites none.

``<type>/v<version>-<shape>-full.json`` and ``-plain.json``: the longest and the shortest record of that type
in the documents' scene, as it was when ``docs/schemas/history/<type>.v<version>/<shape>.json`` was newest.
"""

import json
import sys
from pathlib import Path
from typing import Final

from deploy.contract_documents import history
from deploy.scene import Example, examples
from reid.contracts.schemas import MESSAGE_TYPES

ROOT: Final = Path(__file__).parents[2]
GOLDEN: Final = Path("tests/golden")


def stem(type_name: str, shape: int) -> Path:
    """``reid.person.seen.v1``, 2 -> ``reid.person.seen/v1-2``."""
    name, _, version = type_name.rpartition(".")
    return Path(name) / f"{version}-{shape}"


def make(root: Path) -> list[Path]:
    """Writes what is missing under ``root``; returns what it wrote."""
    found: dict[str, list[Example]] = {}
    for example in sorted(examples(), key=lambda e: len(e.value)):
        found.setdefault(example.type, []).append(example)
    written = []
    for name in MESSAGE_TYPES:
        newest = stem(name, len(history(root, name)))
        for which, example in (("plain", found[name][0]), ("full", found[name][-1])):
            path = root / GOLDEN / newest.with_name(f"{newest.name}-{which}.json")
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_record(example))
            written.append(path.relative_to(root))
    return written


def _record(example: Example) -> str:
    content = {
        "key": example.key,
        "headers": {header: value.decode() for header, value in example.headers},
        "value": json.loads(example.value),
    }
    return json.dumps(content, indent=2) + "\n"


if __name__ == "__main__":
    for made in make(ROOT):
        sys.stdout.write(f"{made}\n")
