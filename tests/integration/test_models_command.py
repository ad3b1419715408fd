"""``saferoom models`` and ``calibrate``: real files, a real server on loopback, real measuring processes."""

import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from deploy import cli
from deploy.models_command import _source
from deploy.options import settings_from
from producers.detect.select import open_detector
from producers.embed.select import open_embedder
from producers.models.catalogue import entries
from producers.sidecar import sidecar_of
from reid.errors import ConfigError
from tests.unit.producers.model_server import Behaviour, serving
from tests.unit.producers.onnx_file import linear_model

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "models"
FASTEST = SHARED / "FastestDet.onnx"
PLAIN = "{width: 16, height: 32, channels: BGR, scale: 1, mean: [128, 128, 128], std: [1, 1, 1]}"
Saferoom = Callable[..., str]


@pytest.fixture
def saferoom(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Saferoom:
    """Runs `main` with these arguments in an empty home. Returns stdout; raises what is refused."""
    monkeypatch.setenv("SAFEROOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def run(*arguments: object) -> str:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["saferoom", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            cli.main()
        output = capsys.readouterr()
        if ending.value.code:
            raise ConfigError(output.err)
        return output.out

    return run


class TestList:
    def test_names_every_model_with_its_terms(self, saferoom: Saferoom) -> None:
        text = saferoom("models", "list")
        for entry in entries():
            assert entry.name in text and entry.terms in text and entry.licence in text
        assert "research use" in text

    def test_as_json_says_where_each_is(self, saferoom: Saferoom, tmp_path: Path) -> None:
        (tmp_path / "FastestDet.onnx").write_bytes(b"another of that name")
        found = {row["name"]: row for row in json.loads(saferoom("models", "list", "--json"))}
        assert found["hog"]["state"] == "built in"
        assert found["osnet_x0_25_msmt17"]["state"] == "absent"
        found = {r["name"]: r for r in json.loads(saferoom("models", "list", "--json", "--in", tmp_path))}
        assert (found["fastestdet"]["state"], found["fastestdet"]["path"]) == ("other contents", None)

    def test_a_directory_that_is_not_there_was_not_missed(self, saferoom: Saferoom, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"--in .*nope: no such directory"):
            saferoom("models", "list", "--in", tmp_path / "nope")


class TestFetch:
    @pytest.mark.skipif(not FASTEST.is_file(), reason="needs ../shared/data/models/FastestDet.onnx")
    def test_a_fetched_model_runs_by_its_name(self, saferoom: Saferoom, tmp_path: Path) -> None:
        served = Behaviour(FASTEST.read_bytes(), drops=[400_000])
        with serving(served) as origin:
            path = Path(saferoom("models", "fetch", "fastestdet", "--from", origin).strip())
        assert len(served.asked) == 2
        assert path == tmp_path / "home" / "models" / "FastestDet.onnx"
        settings = settings_from(detector="fastestdet")
        assert settings.detector == str(path)
        assert open_detector(settings.detector).name == "FastestDet"
        (row,) = [r for r in json.loads(saferoom("models", "list", "--json")) if r["name"] == "fastestdet"]
        assert (row["state"], row["path"]) == ("present", str(path))

    def test_a_wrong_file_is_refused(self, saferoom: Saferoom, tmp_path: Path) -> None:
        with (
            serving(Behaviour(b"no model")) as origin,
            pytest.raises(ConfigError, match="8 bytes instead of"),
        ):
            saferoom("models", "fetch", "yolox_nano", "--from", origin)
        assert list((tmp_path / "home" / "models").iterdir()) == []

    @pytest.mark.skipif(not FASTEST.is_file(), reason="needs ../shared/data/models/FastestDet.onnx")
    @pytest.mark.parametrize("name", ["detector (1).onnx", "download"])
    def test_a_file_of_another_name_was_looked_for_by_the_catalogues(
        self, saferoom: Saferoom, tmp_path: Path, name: str
    ) -> None:
        """In its folder, and not found there; an address of it got the name behind it."""
        (tmp_path / name).write_bytes(FASTEST.read_bytes())
        path = Path(saferoom("models", "fetch", "fastestdet", "--from", tmp_path / name).strip())
        assert path.read_bytes() == FASTEST.read_bytes()

    @pytest.mark.parametrize(
        ("origin", "source"),
        [
            ("http://host/models", "http://host/models/net.bin"),
            ("http://host", "http://host/net.bin"),
            ("https://host/net.bin", "https://host/net.bin"),
            ("https://host/v1.2/", "https://host/v1.2/net.bin"),
            ("https://host/files/mine.xml?token=a/b", "https://host/files/mine.bin?token=a/b"),
        ],
    )
    def test_an_address_of_a_file_or_of_its_folder(self, origin: str, source: str) -> None:
        assert _source(origin, "net.bin", None, "") == source

    def test_an_address_of_another_scheme_was_taken_for_a_path(self, saferoom: Saferoom) -> None:
        with pytest.raises(ConfigError, match=r"ftp://host/net\.onnx: an address begins with http"):
            saferoom("models", "fetch", "yolox_nano", "--from", "ftp://host/net.onnx")

    def test_where_no_address_is_certain_the_source_is_told(self, saferoom: Saferoom) -> None:
        with pytest.raises(ConfigError, match=r"Source: YOLOX-nano of Megvii.*--from"):
            saferoom("models", "fetch", "yolox_nano")

    def test_unknown_and_built_in_names_are_refused(self, saferoom: Saferoom) -> None:
        with pytest.raises(ConfigError, match="there are appearance-512"):
            saferoom("models", "fetch", "unheard-of")
        with pytest.raises(ConfigError, match="built in"):
            saferoom("models", "fetch", "hog")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Mean colour -> vector."""
    path = tmp_path / "colour.onnx"
    path.write_bytes(linear_model(np.eye(3, dtype=np.float32), (32, 16)))
    path.with_name("colour.saferoom.yaml").write_text(PLAIN)
    return path


def crops(directory: Path, people: int, cameras: tuple[int, ...] = (1, 2)) -> Path:
    """Persons of one colour each, seen in each camera's light."""
    directory.mkdir()
    generator = np.random.default_rng(4)
    for person in range(people):
        colour = generator.integers(30, 226, 3)
        for camera, index in itertools.product(cameras, range(2)):
            light = [1.0, 1.0 - 0.1 * camera, 1.0]
            pixels = colour * light + generator.normal(0, 12, 3) + generator.normal(0, 5, (40, 20, 3))
            name = f"{person:04d}_c{camera}s1_{index:06d}_00.jpg"
            assert cv2.imwrite(str(directory / name), np.clip(pixels, 0, 255).astype(np.uint8))
    return directory


class TestCalibrate:
    def test_similarity_0_6_is_where_1_per_cent_of_strangers_lie(
        self, saferoom: Saferoom, model: Path, tmp_path: Path
    ) -> None:
        directory = crops(tmp_path / "site", people=40, cameras=(1, 2, 5))
        assert open_embedder(str(model)).calibration == ()
        saferoom("calibrate", model, directory)
        embedder = open_embedder(str(model))
        assert embedder.agreement is not None and 0.5 < embedder.agreement <= 1.0
        (limit,) = [raw for raw, similarity in embedder.calibration if similarity == 0.6]
        means = {
            key: np.mean(embedder.embed([cv2.imread(str(path)) for path in paths]), axis=0)
            for key, paths in itertools.groupby(sorted(directory.iterdir()), key=lambda path: path.name[:7])
        }
        strangers = [
            float(a @ b) / float(np.linalg.norm(a) * np.linalg.norm(b))
            for (one, a), (two, b) in itertools.combinations(means.items(), 2)
            if one[:4] != two[:4] and one[5:] != two[5:]
        ]
        assert len(strangers) == 40 * 39 * 3
        assert float(np.mean(np.array(strangers) > limit)) == pytest.approx(0.01, abs=0.001)

    def test_what_the_sidecar_said_before_stays(
        self, saferoom: Saferoom, model: Path, tmp_path: Path
    ) -> None:
        version = open_embedder(str(model)).version
        saferoom("calibrate", model, crops(tmp_path / "site", people=40))
        sidecar = sidecar_of(model)
        assert sidecar is not None and "site, 40 people" in sidecar.read_text()
        assert open_embedder(str(model)).version == version
        assert list(tmp_path.glob(".*")) == [], "no half-written file is left"

    def test_too_few_people_are_refused(self, saferoom: Saferoom, model: Path, tmp_path: Path) -> None:
        before = (tmp_path / "colour.saferoom.yaml").read_text()
        with pytest.raises(ConfigError, match=r"5 people make 5 true pairs.*20 of strangers"):
            saferoom("calibrate", model, crops(tmp_path / "site", people=5))
        assert (tmp_path / "colour.saferoom.yaml").read_text() == before

    def test_an_encoder_that_tells_nobody_apart_is_refused(
        self, saferoom: Saferoom, model: Path, tmp_path: Path
    ) -> None:
        alike = PLAIN.replace("[128, 128, 128]", "[-1000000, -1000000, -1000000]")
        model.with_name("colour.saferoom.yaml").write_text(alike)
        with pytest.raises(ConfigError, match="too alike"):
            saferoom("calibrate", model, crops(tmp_path / "site", people=40))
        assert model.with_name("colour.saferoom.yaml").read_text() == alike

    def test_a_built_in_encoder_is_only_measured(self, saferoom: Saferoom, tmp_path: Path) -> None:
        directory = crops(tmp_path / "site", people=40)
        with pytest.raises(ConfigError, match="--dry-run"):
            saferoom("calibrate", "appearance-512", directory)
        facts = json.loads(saferoom("calibrate", "appearance-512", directory, "--dry-run"))
        assert [similarity for _, similarity in facts["calibration"]] == [0.0, 0.6, 1.0]


class TestPreflight:
    def test_a_model_that_is_not_declared_is_refused_before_anything_starts(
        self, saferoom: Saferoom, tmp_path: Path
    ) -> None:
        (tmp_path / "mine.onnx").write_bytes(linear_model(np.eye(3, dtype=np.float32), (32, 16)))
        with pytest.raises(ConfigError, match=r"mine\.saferoom\.yaml beside it, such as"):
            saferoom("demo", "--port", 0, "--embedder", tmp_path / "mine.onnx")
        assert not (tmp_path / "home" / "kafka").exists()

    @pytest.mark.skipif(not FASTEST.is_file(), reason="needs ../shared/data/models/FastestDet.onnx")
    def test_a_detector_is_no_encoder(self, saferoom: Saferoom) -> None:
        with pytest.raises(ConfigError, match="is the detector fastestdet; give it to --detector"):
            saferoom("demo", "--port", 0, "--embedder", FASTEST)


class TestBench:
    def test_encoders_and_detectors_beside_the_defaults(self, saferoom: Saferoom, model: Path) -> None:
        found = json.loads(saferoom("models", "bench", model, "headnet", "--rounds", 1, "--json"))
        assert [(row["setting"], row["kind"]) for row in found] == [
            ("stripenet-512", "encoder"),
            ("headnet", "detector"),
            (str(model), "encoder"),
        ]
        by_name = {row["setting"]: row for row in found}
        assert set(by_name[str(model)]["median_ms"]) == {"1", "8"}
        assert by_name[str(model)]["median_ms"]["8"] < by_name["stripenet-512"]["median_ms"]["8"]
        assert all(row["peak_mib"] > row["base_mib"] > 10 for row in found)

    def test_what_cannot_be_opened_is_named(self, saferoom: Saferoom, tmp_path: Path) -> None:
        (tmp_path / "broken.onnx").write_bytes(b"no model")
        with pytest.raises(ConfigError, match=r"broken\.onnx"):
            saferoom("models", "bench", tmp_path / "broken.onnx", "--rounds", 1)
