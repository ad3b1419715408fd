"""Crops as searches: numbers that hang together, a page that needs nothing else."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from deploy.evaluate.chart import Axis, chart
from deploy.evaluate.crops import CropSet, Encoder
from deploy.evaluate.images import Protocol, image_score, raw_at, single_shot_score
from deploy.evaluate.page import Page, Picture, Sheet, html
from deploy.places import check_places
from deploy.report import write_json
from reid.domain.similarity import calibrated
from reid.errors import ConfigError
from reid.evaluation.confusion import confusions
from reid.evaluation.vectors import Vectors, unit
from tests.unit.deploy.evaluate.command_line import evaluate
from tests.unit.deploy.evaluate.crop_files import paint, strangers
from tests.unit.deploy.evaluate.html_page import assert_self_contained

KNOTS = ((0.1, 0.0), (0.5, 0.6), (0.9, 1.0))


def seen(people: int = 40, noise: float = 0.4, seed: int = 0) -> Vectors:
    generator = np.random.default_rng(seed)
    who = generator.normal(size=(people, 24))
    rows = np.concatenate([who + noise * generator.normal(size=who.shape) for _ in range(4)])
    return Vectors(
        unit(rows.astype(np.float32)), np.tile(np.arange(people), 4), np.repeat([1, 1, 2, 2], people)
    )


@pytest.mark.parametrize("similarity", [0.0, 0.3, 0.6, 0.8, 1.0])
def test_the_raw_cosine_of_a_similarity_calibrates_back(similarity: float) -> None:
    assert calibrated(raw_at(similarity, KNOTS) + 1e-9, KNOTS) == pytest.approx(similarity, abs=1e-6)
    assert raw_at(similarity, ()) == similarity


def test_a_similarity_that_no_cosine_reaches_matches_nobody() -> None:
    assert raw_at(0.6, ((0.1, 0.0), (0.5, 0.4))) > 1
    assert raw_at(0.0, KNOTS) == -1.0


def test_numbers_hang_together() -> None:
    score = image_score(seen(), KNOTS, Protocol())
    found = score.numbers
    assert found["rows"] == found["probes"] == 160
    assert score.cmc[0] == found["rank1"] <= found["rank5"] == score.cmc[4] <= found["rank10"]
    assert found["eer_calibrated"] == calibrated(found["eer_raw"], KNOTS)
    assert found["operating_raw"] == 0.5
    assert found["searches_by_strangers"] == 80
    assert found["fpir_reached_at_fpir_0.01"] == 0.0, "80 searches cannot tell one in a hundred"
    more = image_score(seen(150), KNOTS, Protocol()).numbers
    assert 0 <= more["fnir_at_fpir_0.01"] < 1
    assert more["calibrated_at_fpir_0.01"] == calibrated(more["raw_at_fpir_0.01"], KNOTS)
    assert more["fpir_reached_at_fpir_0.01"] == pytest.approx(3 / 300)
    assert more["fnir_at_fpir_0.001"] >= more["fnir_at_fpir_0.01"]


def test_less_noise_is_better_in_every_number() -> None:
    good, bad = (image_score(seen(60, noise), KNOTS, Protocol()).numbers for noise in (0.3, 1.2))
    for name in ("rank1", "rank5", "rank10", "map", "minp", "true_match_at_0.6"):
        assert good[name] > bad[name], name
    assert good["eer"] < bad["eer"]


def test_distractors_are_wrong_answers_and_nothing_else() -> None:
    known, nobody = seen(20, noise=0.8), seen(30, noise=0.8, seed=1)
    beside = Vectors(
        np.concatenate([known.rows, nobody.rows]),
        np.concatenate([known.people, -np.arange(1, len(nobody) + 1)]),
        np.concatenate([known.cameras, nobody.cameras]),
    )
    alone, among = (image_score(v, KNOTS, Protocol()).numbers for v in (known, beside))
    assert among["probes"] == alone["probes"] == 80
    assert among["searches_by_strangers"] == alone["searches_by_strangers"] == 40
    assert among["true_match_at_0.6"] == alone["true_match_at_0.6"]
    assert among["rank1"] < alone["rank1"]
    assert all(c.probe < 80 for c in confusions(beside, 100))


def test_market_1501s_distractors_were_one_person(tmp_path: Path) -> None:
    crops = strangers(strangers(paint(tmp_path / "crops", 4), "0000", 10), "-1", 3)
    files = ("--embedder", "appearance-512", "--json", str(tmp_path / "found.json"))
    assert "4 people, 24 crops; 10 distractors in the gallery; 3 junk crops" in " ".join(
        evaluate("images", str(crops), *files, "--html", str(tmp_path / "found.html")).split()
    )
    document = json.loads((tmp_path / "found.json").read_text())
    assert (document["people"], document["distractors"], document["junk"]) == (4, 10, 3)
    numbers = document["variants"][0]["crops"]
    assert (numbers["rows"], numbers["probes"]) == (34, 24)
    evaluate("images", str(crops), *files, "--distractors", "none")
    document = json.loads((tmp_path / "found.json").read_text())
    assert (document["people"], document["variants"][0]["crops"]["probes"]) == (5, 34)


def test_single_shot_is_asked_for() -> None:
    assert single_shot_score(seen(), Protocol()) == {}
    found = single_shot_score(seen(), Protocol(single_shot=30, trials=4))
    assert 0.5 < found["single_shot_rank1"] <= 1.0
    with pytest.raises(ConfigError, match="40 people"):
        single_shot_score(seen(), Protocol(single_shot=41))


def test_confusions_are_wrong_answers_the_widest_lead_first() -> None:
    v = seen(30, noise=1.5)
    found = confusions(v, 10)
    assert len(found) == 10
    leads = [c.stranger_score - c.right_score for c in found]
    assert leads == sorted(leads, reverse=True)
    assert len({int(v.people[c.probe]) for c in found}) == 10
    for c in found:
        assert v.people[c.probe] == v.people[c.right] != v.people[c.stranger]
        assert v.cameras[c.probe] != v.cameras[c.right]
        assert c.stranger_score == pytest.approx(float(v.rows[c.probe] @ v.rows[c.stranger]), abs=1e-5)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    one_camera = paint(tmp_path / "one", 3, cameras=1)
    with pytest.raises(ConfigError, match="one camera"):
        evaluate("images", str(one_camera), "--embedder", "appearance-512")
    crops = paint(tmp_path / "crops", 3)
    with pytest.raises(ConfigError, match="evaluate stream"):
        evaluate("images", str(crops), "--compare", "margin=0.1")
    with pytest.raises(ConfigError, match="--gallery"):
        evaluate("images", str(crops), "--gallery", "none")


def test_a_set_that_nothing_can_be_measured_on_was_perfect_or_the_worst(tmp_path: Path) -> None:
    nobody_twice = strangers(tmp_path, "0001", 1)
    (nobody_twice / "0001_c1s1_000000_00.jpg").rename(nobody_twice / "0002_c2s1_000000_00.jpg")
    strangers(nobody_twice, "0001", 1)
    with pytest.raises(ConfigError, match="nobody is seen by two cameras"):
        evaluate("images", str(nobody_twice))
    one_person = paint(tmp_path / "alone", 1)
    with pytest.raises(ConfigError, match="are of one person"):
        evaluate("images", str(one_person))
    # Among distractors there are strangers, but none who searches.
    strangers(strangers(one_person, "0000", 6), "-1", 1)
    evaluate(
        "images", str(one_person), "--embedder", "appearance-512", "--json", str(tmp_path / "found.json")
    )
    text = (tmp_path / "found.json").read_text()
    assert "Infinity" not in text
    numbers = json.loads(text)["variants"][0]["crops"]
    assert numbers["fnir_at_fpir_0.01"] is numbers["raw_at_fpir_0.01"] is None
    assert numbers["eer"] is not None


def test_strangers_of_one_camera_that_are_not_there_all_matched() -> None:
    v = seen(2)
    apart = v.of((v.people == 0) | (v.cameras == 1))
    apart = Vectors(apart.rows, apart.people, np.where(apart.people == 1, 3, apart.cameras))
    assert image_score(apart, KNOTS, Protocol()).numbers["false_match_at_0.6_same_camera"] is None


def test_what_is_known_at_the_start_was_said_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = str(paint(tmp_path / "crops", 3, crops=1))

    def embedded(_encoder: Encoder, _crops: CropSet) -> Vectors:
        raise AssertionError("nothing is embedded first")

    monkeypatch.setattr(Encoder, "vectors", embedded)
    for kind in ("images", "stream"):
        for option in ("--json", "--html"):
            with pytest.raises(ConfigError, match=rf"no directory .*: give {option} another place"):
                evaluate(kind, crops, option, str(tmp_path / "nowhere" / "found"))
        with pytest.raises(ConfigError, match="it is a directory"):
            evaluate(kind, crops, "--html", str(tmp_path))
        with pytest.raises(ConfigError, match="nosuch"):
            evaluate(kind, crops, "--compare", "appearance-512,nosuch")
    with pytest.raises(ConfigError, match="3 people were seen by both cameras, 1 and 2"):
        evaluate("images", crops, "--single-shot", "4")


def test_which_two_cameras_a_single_shot_is_of_is_said(tmp_path: Path) -> None:
    crops = paint(tmp_path / "crops", 4, cameras=3, crops=1)
    output = evaluate("images", str(crops), "--embedder", "appearance-512", "--single-shot", "4")
    assert "single shot, 4 people, camera 1 in 2, rank-1" in output


def test_what_is_not_finite_is_null_in_json(tmp_path: Path) -> None:
    nan, inf = float("nan"), float("inf")
    write_json(tmp_path / "a.json", {"a": [1.5, nan], "b": (inf, {"c": -inf}), "d": 1})
    found = json.loads((tmp_path / "a.json").read_text())
    assert found == {"a": [1.5, None], "b": [None, {"c": None}], "d": 1}


def test_a_pipe_or_a_device_became_a_file(tmp_path: Path) -> None:
    """As root ``--json /dev/stdout`` ended standard output for everybody on the machine."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("before")
    link.symlink_to(target)
    check_places(link)
    write_json(link, {"a": 1})
    assert link.is_symlink() and json.loads(target.read_text()) == {"a": 1}
    os.mkfifo(pipe := tmp_path / "pipe")
    check_places(None, pipe)
    with ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_text)
        write_json(pipe, {"b": 2})
        assert json.loads(read.result()) == {"b": 2} and pipe.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe", "target"]


def test_a_name_too_long_for_any_disk_was_refused_after_all_the_work(tmp_path: Path) -> None:
    """Of 250 characters it is the name only that is written to first."""
    for length in (245, 400):
        with pytest.raises(ConfigError, match=r"File name too long.*give --html another place"):
            check_places(None, tmp_path / ("x" * length + ".html"))


def test_people_and_ranks_were_counted_in_fractions() -> None:
    assert Axis("rank", 1, 20, whole=True).ticks() == [1, 5, 10, 15, 20]
    assert Axis("count", 0, 18, whole=True).ticks() == [0, 5, 10, 15]
    assert Axis("count", 0, 1, whole=True).ticks() == [0, 1]
    assert Axis("seconds", 0, 39.8).ticks() == [0, 10, 20, 30]
    assert Axis("share", 0, 1).ticks() == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert Axis("seconds", 0, 0).ticks() == [0]


def test_a_page_escapes_what_comes_from_outside() -> None:
    evil = "<script>alert('x')</script>"
    picture = Picture(np.zeros((20, 10, 3), np.uint8), evil)
    page = Page(
        evil,
        [evil],
        {"a": evil},
        [{"name": evil, "mean": {"a": 1.0}}],
        [(evil, chart(Axis(evil, 0, 1), Axis("y", 0, 1), [(evil, [(0, 0), (1, 1)])]))],
        [Sheet(evil, [(evil, [picture])])],
    )
    parsed = assert_self_contained(html(page))
    assert [tag for tag, _ in parsed.tags].count("img") == 1


def test_a_chart_is_well_formed() -> None:
    text = chart(Axis("a < b", 1e-4, 1, log=True), Axis("&", 0, 1), [("<x>", [(1e-4, 0.9), (1, 0)])])
    root = ElementTree.fromstring(text)
    lines = [element for element in root if element.tag == "polyline"]
    assert [len(line.attrib["points"].split()) for line in lines] == [2]
    assert "a < b" in [element.text for element in root]


def test_axes_place_values_and_clamp_them() -> None:
    straight, decades = Axis("x", 0, 10), Axis("x", 1e-4, 1, log=True)
    assert [straight.share(v) for v in (-5, 0, 5, 10, 20)] == [0, 0, 0.5, 1, 1]
    assert decades.share(1e-2) == pytest.approx(0.5)
    assert decades.ticks() == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])
