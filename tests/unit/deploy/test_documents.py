"""The README's examples are the scene's, and every kind of event is among them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from deploy.cli import app
from deploy.docs_command import run
from deploy.documents import BEGIN, END, events_section, with_events
from deploy.scene import scene
from reid.contracts.codec import EVENT_TYPES, type_name
from reid.errors import ConfigError


def test_every_event_type_happens_in_the_scene() -> None:
    assert {type_name(told.event) for told in scene()} == set(EVENT_TYPES)


def test_every_event_type_has_its_example() -> None:
    section = events_section()
    for name in EVENT_TYPES:
        assert f"<code>{name}</code>" in section and f"ce_type: {name}" in section


def test_only_what_stands_between_the_markers_is_made_anew() -> None:
    readme = f"# Title\n{BEGIN}\nold\n{END}\nrest"
    made = with_events(readme)
    assert made.startswith("# Title\n") and made.endswith(f"{END}\nrest") and "\nold\n" not in made
    assert with_events(made) == made
    assert with_events("no markers") == "no markers"


def test_readme_is_current() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    assert with_events(readme) == readme, "run `saferoom docs`"


def test_docs_command_names_what_it_wrote_and_refuses_what_is_stale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="no checkout"):
        run(tmp_path, check=False)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(f"{BEGIN}\n{END}\n")
    with pytest.raises(ConfigError, match=r"README\.md, .*settings\.md, docs/asyncapi\.yaml"):
        run(tmp_path, check=True)
    run(tmp_path, check=False)
    assert "docs/schemas/reid.person.seen.v1.json" in capsys.readouterr().out.splitlines()
    run(tmp_path, check=True)


def commands(found: Any, name: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Each command with its options."""
    yield name, {option for one in found.params for option in (*one.opts, *one.secondary_opts)}
    for part, command in getattr(found, "commands", {}).items():
        yield from commands(command, (*name, part))


def test_docs_named_an_option_that_the_command_has_not() -> None:
    """`saferoom events tail --type …` in docs/scale.md; only `events export` has it."""
    root = Path(__file__).parents[3]
    known = dict(commands(typer.main.get_command(app)))
    wrong, looked_at = [], 0
    for page in (root / "README.md", *sorted((root / "docs").glob("*.md"))):
        for written in re.findall(r"\bsaferoom ((?:[a-z]+ )+[^`|#\n]*)", page.read_text()):
            words, name = written.split(), ()
            while words and (*name, words[0]) in known:
                name = (*name, words.pop(0))
            options = re.findall(r"(?<!\S)--[a-z][a-z-]*", written) if name else []
            wrong += [f"{page.name}: saferoom {written}" for one in options if one not in known[name]]
            looked_at += len(options)
    assert not wrong
    assert looked_at > 40
