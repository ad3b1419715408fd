"""A view's `form` is raised with what it makes of a log: else an upgrade would go on with the old answers."""

from typing import Any

import msgspec
import pytest

from projections.views import PersonsView
from reid.contracts.codec import EVENT_TYPES
from tests.golden import forms


def test_another_fold_under_the_same_number_is_noticed() -> None:
    """If this fails: raise `form` of that view, then ``python -m tests.golden.forms``. Redis then is filled
    anew, once, wherever the new program starts."""
    assert forms.made() == forms.forms()


def test_the_recorded_log_has_an_event_of_every_type() -> None:
    lines = forms.log_of(PersonsView(90)).read_bytes().splitlines()
    told = {msgspec.json.decode(line)["type"] for line in lines}
    assert told == set(EVENT_TYPES)


def test_a_digest_is_not_written_anew_under_the_same_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    written = tmp_path / "forms.json"
    written.write_bytes(forms.FORMS.read_bytes())
    monkeypatch.setattr(forms, "FORMS", written)
    monkeypatch.setattr("projections.sightings.keep_template", lambda *_: None)
    assert forms.main([]) == 1
    assert "what view persons makes of its log is another" in capsys.readouterr().err
    assert written.read_bytes() == (forms.HERE / "forms.json").read_bytes()
    monkeypatch.setattr(PersonsView, "form", PersonsView.form + 1)
    assert forms.main([]) == 0
    assert forms.forms()["persons"].form == PersonsView.form
