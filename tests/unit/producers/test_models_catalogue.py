"""The catalogue: what it says is true of the real files, where they are at hand."""

import json
import shutil
from pathlib import Path

import pytest

from producers.detect.layout import FAMILIES as DETECTOR_FAMILIES
from producers.detect.layout import Layout
from producers.embed.calibration import checked, checked_agreement
from producers.embed.preparation import FAMILIES as ENCODER_FAMILIES
from producers.embed.preparation import Preparation
from producers.embed.select import open_embedder
from producers.models.catalogue import Entry, Part, entries, entry_named, entry_of
from producers.models.files import sha256
from producers.models.kind import kind_of
from producers.models.store import models_directory, remedy, resolved, state_of
from reid.errors import ConfigError
from reid.runtime.doctor import BUILTIN_DETECTORS, BUILTIN_EMBEDDERS
from tests.unit.producers.onnx_file import linear_model
from tests.unit.producers.test_embed import WEIGHTS

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "models"
OTHERS = [entry for entry in entries() if not entry.built_in]


def test_the_built_in_models_are_those_that_open() -> None:
    named = {entry.name for entry in entries() if entry.built_in}
    assert named == {*BUILTIN_EMBEDDERS, *BUILTIN_DETECTORS} - {"auto", "truth"}
    for name in BUILTIN_EMBEDDERS:
        entry = entry_named(name)
        assert entry is not None
        assert open_embedder(name).dim == entry.dim


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_an_entry_says_what_one_must_know(entry: Entry) -> None:
    assert entry.licence and entry.terms and entry.source
    assert bool(entry.files) != entry.built_in
    assert all(part.url is None or part.url.startswith("https://") for part in entry.files)
    assert [other.name for other in entries()].count(entry.name) == 1


@pytest.mark.parametrize("entry", OTHERS, ids=lambda entry: entry.name)
def test_an_entry_declares_a_known_family_and_measured_knots(entry: Entry) -> None:
    families = ENCODER_FAMILIES if entry.kind == "encoder" else DETECTOR_FAMILIES
    assert entry.declares["family"] in families
    if entry.kind == "encoder":
        assert checked_agreement(entry.declares["agreement"], entry.name)
        assert any(similarity == 0.6 for _, similarity in checked(entry.declares["calibration"], entry.name))
        assert "benchmarks.calibrate" in (entry.measured_by or "") and "cuhk03" in (entry.measured_on or "")


@pytest.mark.parametrize("entry", OTHERS, ids=lambda entry: entry.name)
def test_sizes_and_digests_are_those_of_the_files(entry: Entry) -> None:
    paths = [SHARED / part.name for part in entry.files]
    if not all(path.is_file() for path in paths):
        pytest.skip(f"needs {', '.join(path.name for path in paths)}")
    assert [(sha256(path), path.stat().st_size) for path in paths] == [
        (p.sha256, p.size) for p in entry.files
    ]
    assert state_of(entry, SHARED) == "present"
    assert entry_of(paths[0]) == entry
    assert kind_of(str(paths[0])) == entry.kind


@pytest.mark.skipif(not (SHARED / "osnet_x0_25_msmt17.onnx").is_file(), reason="needs the OSNet file")
def test_knots_belong_to_the_bytes_not_to_the_name(tmp_path: Path) -> None:
    renamed = tmp_path / "mine.onnx"
    shutil.copy(SHARED / "osnet_x0_25_msmt17.onnx", renamed)
    entry = entry_named("osnet_x0_25_msmt17")
    assert entry is not None
    assert open_embedder(str(renamed)).calibration == checked(entry.declares["calibration"], "")
    (tmp_path / "osnet_x0_25_msmt17.onnx").write_bytes(linear_model(WEIGHTS, (256, 128)))
    assert open_embedder(str(tmp_path / "osnet_x0_25_msmt17.onnx")).calibration == ()


def test_the_page_on_models_names_every_model_and_every_field() -> None:
    page = Path("docs/models.md").read_text()
    names = [entry.name.removeprefix("person-reidentification-retail") for entry in entries()]
    fields = {*Preparation.__struct_fields__, *Layout.__struct_fields__}
    assert [
        word for word in (*names, *fields, *ENCODER_FAMILIES, *DETECTOR_FAMILIES) if word not in page
    ] == []


class TestStore:
    entry = Entry(
        name="two", kind="encoder", licence="", terms="", source="",
        files=(Part(name="two.xml", sha256="0" * 64, size=1), Part(name="two.bin", sha256="0" * 64, size=1)),
    )  # fmt: skip

    def test_a_model_of_two_files_is_present_with_both(self, tmp_path: Path) -> None:
        assert state_of(self.entry, tmp_path) == "absent"
        (tmp_path / "two.xml").write_bytes(b"x")
        assert state_of(self.entry, tmp_path) == "absent"
        (tmp_path / "two.bin").write_bytes(b"x")
        assert state_of(self.entry, tmp_path) == "other contents"

    def test_a_name_becomes_the_path_of_its_fetched_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert resolved("yolox_nano", tmp_path) == "yolox_nano"
        fetched = models_directory(tmp_path) / "yolox_nano.onnx"
        fetched.parent.mkdir()
        fetched.write_bytes(b"x")
        assert resolved("yolox_nano", tmp_path) == str(fetched)
        assert resolved("hog", tmp_path) == "hog"
        (tmp_path / "yolox_nano").write_bytes(b"a file of that name goes first")
        assert resolved("yolox_nano", tmp_path) == "yolox_nano"

    def test_what_is_not_there_says_how_to_get_it(self) -> None:
        assert remedy("person-reidentification-retail-0288") == (
            "get it with `saferoom models fetch person-reidentification-retail-0288`"
        )
        assert "--from" in (remedy("yolox_nano") or "")
        assert remedy("unheard-of") is None
        with pytest.raises(ConfigError, match="saferoom models fetch osnet_x0_25_msmt17"):
            open_embedder("osnet_x0_25_msmt17")


class TestKind:
    @pytest.mark.parametrize(
        ("sidecar", "kind"),
        [(None, "encoder"), ({"family": "fastreid"}, "encoder"), ({"family": "yolox"}, "detector")],
    )
    def test_by_sidecar_else_by_output(
        self, tmp_path: Path, sidecar: dict[str, str] | None, kind: str
    ) -> None:
        path = tmp_path / "m.onnx"
        path.write_bytes(linear_model(WEIGHTS, (32, 16)))
        if sidecar:
            (tmp_path / "m.saferoom.json").write_text(json.dumps(sidecar))
        assert kind_of(str(path)) == kind

    def test_no_such_file(self) -> None:
        with pytest.raises(ConfigError, match="no such file"):
            kind_of("/gone.onnx")
