"""What the documents point at is there: files, headings, tests, modules, targets of make, commands."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from deploy.cli import app
from reid.runtime.settings_table import all_environment_names

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("producers/**/*.md"))]
TEXTS = {page: page.read_text() for page in PAGES}
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`[^`\n]+`")


def anchors(text: str) -> set[str]:
    """Those that GitHub gives headings: one that comes again is numbered."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.append(re.sub(r"[^\w\- ]", "", shown).replace(" ", "-"))
    return {f"{name}-{found[:i].count(name)}".removesuffix("-0") for i, name in enumerate(found)}


def broken(page: Path, text: str, headings: dict[Path, set[str]]) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", _SPAN.sub("", _FENCE.sub("", text))):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.is_relative_to(ROOT) or not there.exists():
            yield f"{page.name}: no {target}"
        elif anchor and anchor not in headings[there]:
            yield f"{page.name}: no heading {target}"


def written(pattern: str) -> set[Any]:
    """What stands so in the code of any page."""
    code = [found for text in TEXTS.values() for found in (*_FENCE.findall(text), *_SPAN.findall(text))]
    return {found for one in code for found in re.findall(pattern, one)}


def test_every_link_and_heading_is_there() -> None:
    headings = {page: anchors(text) for page, text in TEXTS.items()}
    assert [found for page, text in TEXTS.items() for found in broken(page, text, headings)] == []


def test_a_broken_link_is_told() -> None:
    page = ROOT / "README.md"
    text = "# What [it](docs/search.md) `reads`\n# Twice\n# Twice\n```\n# none\n```\n"
    text += "[a](#what-it-reads) [b](#twice-1) `[c](no.md)` [d](#none) [e](no.md) ![f](../out.webp)"
    found = list(broken(page, text, {page: anchors(text)}))
    assert found == ["README.md: no heading #none", "README.md: no no.md", "README.md: no ../out.webp"]


def test_every_decision_is_in_the_list_of_decisions_once() -> None:
    folder = ROOT / "docs/adr"
    listed = re.findall(r"\]\((\d{4}[^)]*)\)", (folder / "README.md").read_text())
    assert sorted(listed) == sorted(path.name for path in folder.glob("0*.md"))


def test_every_test_and_file_is_there() -> None:
    named = {path for line in written(r"pytest ([^`|#;\n]+)") for path in line.split() if "/" in path}
    named |= written(r"`((?:api|benchmarks|deploy|docs|producers|projections|reid|streams|tests)/[\w./-]+)`")
    assert len(named) > 60
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_module_is_there() -> None:
    named = {name for name in written(r"python -m ([\w.]+)") if name != "pytest"}
    assert len(named) > 10
    paths = {name: ROOT / name.rstrip(".").replace(".", "/") for name in named}
    assert [n for n, path in paths.items() if not (path.is_dir() or path.with_suffix(".py").is_file())] == []


def test_every_target_of_make_is_there() -> None:
    named = written(r"(?:^|`|\n)make ([a-z][a-z-]*)")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert len(named) > 8
    assert named - targets == set()


def test_every_command_is_there() -> None:
    known = getattr(typer.main.get_command(app), "commands", {})
    groups = {name: set(one.commands) for name, one in known.items() if hasattr(one, "commands")}
    named = written(r"(?<![\w./-])saferoom ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?")
    assert len(named) > 40
    assert {name for name, _ in named} - known.keys() == set()
    assert [one for one in named if one[0] in groups and one[1] and one[1] not in groups[one[0]]] == []


def test_every_setting_is_there() -> None:
    known = all_environment_names() | set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    named = written(r"\b(SAFEROOM_[A-Z_]*[A-Z])\b")
    assert len(named) > 40
    assert named - known == set()
