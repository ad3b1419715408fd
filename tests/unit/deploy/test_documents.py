"""The README's examples are the scene's, and every kind of event is among them."""

from pathlib import Path

import pytest

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
