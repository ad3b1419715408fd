"""``saferoom evaluate images``: what is asked for, run, and told."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from deploy.evaluate.chart import Axis, chart
from deploy.evaluate.crops import CropSet, Encoder, open_crops
from deploy.evaluate.images import (
    CMC_UPTO,
    ImageScore,
    Protocol,
    check_single_shot,
    image_score,
    single_shot_score,
)
from deploy.evaluate.lengths import by_length, length_columns, length_row
from deploy.evaluate.page import Page, Picture, Sheet, write_page
from deploy.evaluate.tables import comparison
from deploy.evaluate.variants import Variant
from deploy.places import check_places
from deploy.report import write_json
from deploy.session import console_for_people
from deploy.steps import Steps
from producers.training.data import AUTO, Named
from reid.domain.similarity import calibrated
from reid.errors import ConfigError
from reid.evaluation.confusion import confusions
from reid.evaluation.vectors import Vectors

MISTAKES: Final = 24
_ROWS: Final = {
    "rank1": "rank-1",
    "rank5": "rank-5",
    "rank10": "rank-10",
    "map": "mAP",
    "minp": "mINP",
    "eer": "EER",
    "eer_raw": "EER at raw",
    "eer_calibrated": "at calibrated",
    "fnir_at_fpir_0.01": "FNIR at FPIR 1 %",
    "fnir_at_fpir_0.001": "at 0.1 %",
    "false_match_at_0.6": "false match at 0.6",
    "false_match_at_0.6_same_camera": "in one camera",
    "true_match_at_0.6": "true match at 0.6",
}
NOTES: Final = (
    "Every crop is a probe; the gallery is every other crop but those of the same person in the same camera "
    "(--gallery other: none of the same camera). Tracks: the mean of a person's crops in one camera. A "
    "distractor is a person of its own: in the gallery, never a probe. Shares within 0 to 1.",
    "EER, false match and true match: pairs across cameras. Open set (FPIR, FNIR): a seeded half of the "
    "people is not enrolled; a search misses when its person is not first, or below the threshold. "
    "With fewer such searches than one false one would take, the threshold lets none pass.",
    "By length: single crops, and means of the first so many of each track. By the number of crops: as a "
    "person search scores it, by what two crops of a track agree in (the encoder's calibration).",
)


@dataclass(frozen=True)
class ImagesPlan:
    """``limit``: people, None for all. ``distractors``: as of `listed`."""

    directory: Path
    protocol: Protocol
    limit: int | None = None
    distractors: str = AUTO
    json_file: Path | None = None
    html_file: Path | None = None


@dataclass(frozen=True)
class ImagesRun:
    """One encoder. ``vectors``: of single crops."""

    variant: Variant
    encoder: Encoder
    vectors: Vectors
    crops: ImageScore
    tracks: ImageScore
    lengths: list[dict[str, Any]]
    single_shot: dict[str, Any]

    def document(self) -> dict[str, Any]:
        return {
            "name": self.variant.name,
            "embedder": self.encoder.name,
            "dim": self.encoder.embedder.dim,
            "calibration": [list(knot) for knot in self.encoder.embedder.calibration],
            "agreement": self.encoder.embedder.agreement,
            "ms_a_crop": round(self.encoder.ms_a_crop, 3),
            "crops": self.crops.numbers | self.single_shot,
            "tracks": self.tracks.numbers,
            "by_length": self.lengths,
            "cmc_crops": self.crops.cmc,
            "cmc_tracks": self.tracks.cmc,
            "det_crops": self.crops.det,
        }


def run(plan: ImagesPlan, variants: Sequence[Variant]) -> None:
    """Raises `ConfigError` for what is wrong from the start."""
    if len({variant.policy.version for variant in variants}) > 1:
        raise ConfigError("evaluate images looks at encoders alone: compare policies with `evaluate stream`")
    check_places(plan.json_file, plan.html_file)
    console = console_for_people()
    known = open_crops(plan.directory, plan.limit, plan.protocol.seed, plan.distractors)
    check_people(plan, known)
    check_single_shot(plan.protocol, known.people, known.cameras)
    encoders = [Encoder.open(variant.embedder) for variant in variants]
    crops = known.with_distractors()
    runs = [
        _evaluated(plan, variant, encoder, crops, Steps(console))
        for variant, encoder in zip(variants, encoders, strict=True)
    ]
    documents = [each.document() for each in runs]
    title = f"{known.name}: {len(set(known.people.tolist()))} people, {len(known.files)} crops"
    title += known.told("in the gallery")
    console.print(comparison(title, columns(plan.protocol, documents), table_rows(documents), upright=True))
    if plan.json_file is not None:
        write_json(plan.json_file, _document(plan, known, documents))
    if plan.html_file is not None:
        write_page(plan.html_file, _page(plan, title, crops, runs))


def check_people(plan: ImagesPlan, crops: CropSet) -> None:
    """Raises `ConfigError` without true pairs across cameras, or without strangers: nothing but those is
    measured, and a number of nothing would read as perfect, or as the worst."""
    drawn = "" if plan.limit is None else f" of the people that --limit {plan.limit} draws"
    if len(set(crops.cameras.tolist())) < 2:
        raise ConfigError(f"{plan.directory}: all crops{drawn} are of one camera; across cameras needs two")
    seen = {(crop.person, crop.camera) for crop in crops.files}
    people = {person for person, _ in seen}
    if len(seen) == len(people):
        raise ConfigError(f"{plan.directory}: nobody{drawn} is seen by two cameras; give another set")
    if len(people) < 2 and not crops.distractors:
        raise ConfigError(f"{plan.directory}: all crops{drawn} are of one person; telling apart needs two")


def _evaluated(
    plan: ImagesPlan, variant: Variant, encoder: Encoder, crops: CropSet, steps: Steps
) -> ImagesRun:
    with steps.step(f"Embedding: {variant.name}") as step:
        vectors = encoder.vectors(crops)
        step.detail = f"{len(vectors)} crops, {encoder.ms_a_crop:.1f} ms each"
    knots = encoder.embedder.calibration
    with steps.step(f"Comparing: {variant.name}"):
        return ImagesRun(
            variant,
            encoder,
            vectors,
            image_score(vectors, knots, plan.protocol),
            image_score(vectors.track_means(), knots, plan.protocol),
            by_length(vectors, knots, encoder.embedder.agreement),
            single_shot_score(vectors, plan.protocol),
        )


def columns(protocol: Protocol, documents: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Crops, then tracks, then by length."""
    found = {f"crop {name}": f"crops: {heading}" for name, heading in _ROWS.items()}
    if protocol.single_shot is not None:
        one, two = documents[0]["crops"]["single_shot_cameras"]
        shot = f"crops: single shot, {protocol.single_shot} people, camera {one} in {two}, rank-1"
        found |= {"crop single_shot_rank1": shot, "crop single_shot_spread": "crops: its spread"}
    found |= {f"track {name}": f"tracks: {heading}" for name, heading in _ROWS.items()}
    longest = max(len(each["by_length"]) for each in documents)
    return found | length_columns(longest) | {"ms_a_crop": "ms a crop"}


def table_rows(documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """As `comparison` takes them."""
    return [
        {
            "name": each["name"],
            "mean": {f"crop {name}": value for name, value in each["crops"].items()}
            | {f"track {name}": value for name, value in each["tracks"].items()}
            | length_row(each["by_length"])
            | {"ms_a_crop": each["ms_a_crop"]},
        }
        for each in documents
    ]


def _document(plan: ImagesPlan, crops: CropSet, documents: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "evaluate": "images",
        "set": crops.name,
        "people": len(set(crops.people.tolist())),
        "cameras": len(set(crops.cameras.tolist())),
        "distractors": len(crops.distractors),
        "junk": crops.junk,
        "limit": plan.limit,
        "protocol": asdict(plan.protocol),
        "variants": documents,
    }


def _page(plan: ImagesPlan, title: str, crops: CropSet, runs: Sequence[ImagesRun]) -> Page:
    cmc = chart(
        Axis("rank", 1, CMC_UPTO, whole=True),
        Axis("share of crops found", 0, 1),
        [(each.variant.name, list(enumerate(each.crops.cmc, 1))) for each in runs],
    )
    det = chart(
        Axis("false match", 1e-4, 1, log=True),
        Axis("false non-match", 0, 1),
        [(each.variant.name, each.crops.det) for each in runs],
    )
    documents = [each.document() for each in runs]
    return Page(
        title,
        NOTES,
        columns(plan.protocol, documents),
        table_rows(documents),
        [("Cumulative matching characteristic, crops", cmc), ("Detection error trade-off, crops", det)],
        [_mistakes(plan, crops, each) for each in runs],
    )


def _mistakes(plan: ImagesPlan, crops: CropSet, found: ImagesRun) -> Sheet:
    knots = found.encoder.embedder.calibration
    sheet = []
    for each in confusions(found.vectors, MISTAKES, other_cameras_only=plan.protocol.other_cameras_only):
        probe, stranger, right = (crops.files[row] for row in (each.probe, each.stranger, each.right))
        high, low = (calibrated(score, knots) for score in (each.stranger_score, each.right_score))
        pictures = [
            Picture(probe.read(), f"{probe.person} camera {probe.camera}"),
            Picture(stranger.read(), f"taken for {_whom(stranger)}: {high:.2f}"),
            Picture(right.read(), f"is this one: {low:.2f}"),
        ]
        sheet.append(("", pictures))
    return Sheet(f"Worst mistakes of {found.variant.name}, calibrated scores", sheet)


def _whom(crop: Named) -> str:
    return "a distractor" if crop.person < 0 else str(crop.person)
