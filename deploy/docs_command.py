"""``saferoom docs``: every generated document brought up to date, for those who change the contracts."""

import sys
from pathlib import Path

from deploy import contract_documents
from deploy.documents import with_events
from reid.errors import ConfigError
from reid.runtime import settings_table


def run(root: Path, *, check: bool) -> None:
    """Writes what is stale under ``root`` and names it. ``check``: raises `ConfigError` instead."""
    if not (root / "pyproject.toml").exists():
        raise ConfigError(f"{root.absolute()} is no checkout of SafeRoom: name one with --root")
    prose = {root / name: text for name, text in _prose(root).items()}
    wrong = [path for path, text in prose.items() if not path.exists() or path.read_text() != text]
    if check:
        named = [*map(str, wrong), *contract_documents.stale(root)]
        if named:
            raise ConfigError(f"{', '.join(named)}: not current, run `saferoom docs`")
        return
    for path in wrong:
        path.write_text(prose[path])
    for name in [*(str(path.relative_to(root)) for path in wrong), *contract_documents.write(root)]:
        sys.stdout.write(f"{name}\n")


def _prose(root: Path) -> dict[Path, str]:
    readme = Path("README.md")
    return {
        readme: with_events((root / readme).read_text()),
        settings_table.DOCUMENT: settings_table.document(),
    }
