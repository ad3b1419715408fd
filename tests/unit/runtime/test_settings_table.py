"""docs/settings.md is what the class says."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from reid.runtime.settings import Settings
from reid.runtime.settings_table import all_environment_names, document, settings_table

ROOT = Path(__file__).parents[3]


def test_the_document_is_current() -> None:
    written = (ROOT / "docs" / "settings.md").read_text()
    assert written == document(), "run `python -m reid.runtime.settings_table`"


def test_every_setting_is_a_row_with_a_meaning() -> None:
    rows = settings_table().splitlines()[2:]
    assert len(rows) == len(Settings.model_fields)
    for row in rows:
        cells = [cell.strip() for cell in row.replace(r"\|", "").strip("|").split("|")]
        assert len(cells) == 4 and all(cells), row


def test_no_path_of_this_machine_is_in_it() -> None:
    assert str(Path.home()) + "/" not in settings_table()
    assert "$XDG_STATE_HOME/saferoom" in settings_table()


def test_every_name_in_it_really_sets_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"REDIS_URL", "SAFEROOM_REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"} <= all_environment_names()
    for variable, field in (
        ("REDIS_URL", "redis_url"),
        ("SAFEROOM_REDIS_URL", "redis_url"),
        ("SAFEROOM_KAFKA_BOOTSTRAP_SERVERS", "kafka_bootstrap_servers"),
        ("SAFEROOM_SITE_ID", "site_id"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(variable, "x1")
            assert getattr(Settings(), field) == "x1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SAFEROOM_CAMERA_THRESHOLDS", '{"room1": 7}'),
        ("SAFEROOM_SITE_THRESHOLDS", '{"annex": -0.7}'),
        ("SAFEROOM_VISIT_GAP", "inf"),
        ("SAFEROOM_CAMERA_FPS", "inf"),
    ],
)
def test_numbers_out_of_bounds_were_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """At a threshold of 7 nobody is recognised; endless seconds ended the worker in a stack trace."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.removeprefix("SAFEROOM_").lower()):
        Settings()
