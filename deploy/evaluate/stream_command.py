"""``saferoom evaluate stream``: what is asked for, run, and told."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.evaluate.crops import CropSet, Encoder, open_crops
from deploy.evaluate.page import write_page
from deploy.evaluate.stream import Played, Stream, Track, decided, pause_of, played, tracks_of
from deploy.evaluate.stream_page import stream_page
from deploy.evaluate.stream_run import StreamRun
from deploy.evaluate.tables import comparison
from deploy.evaluate.variants import Variant
from deploy.places import check_places
from deploy.report import write_json
from deploy.session import console_for_people
from deploy.steps import Steps
from producers.training.data import AUTO
from reid.errors import ConfigError

COLUMNS: Final = {
    "pair_f1": "pair F1",
    "pair_precision": "precision",
    "pair_recall": "recall",
    "idf1": "IDF1",
    "ids_per_person": "ids / person",
    "persons_per_id": "persons / id",
    "ids": "ids",
    "count_error": "count error",
    "tracks_without_id": "no id",
    "crops_to_right_id": "crops to right id",
}

Play = Callable[[Stream, Variant], Played]


def in_memory(stream: Stream, variant: Variant) -> Played:
    """By `reid.domain.step`, in this process."""
    return played(stream, decided(stream.messages(), variant.policy))


@dataclass(frozen=True)
class StreamPlan:
    """``people``: None for all. ``frames``: of a track at least; None: as many as the rule may ask for.
    ``distractors``: as of `listed`; they do not come."""

    directory: Path
    people: int | None
    seeds: Sequence[int]
    frames: int | None = None
    through_kafka: bool = False
    json_file: Path | None = None
    html_file: Path | None = None
    distractors: str = AUTO


def run(plan: StreamPlan, variants: Sequence[Variant], play: Play = in_memory) -> None:
    """Raises `ConfigError` for what is wrong from the start."""
    check_places(plan.json_file, plan.html_file)
    console = console_for_people()
    crops = open_crops(plan.directory, distractors=plan.distractors)
    runs = evaluate(plan, variants, crops, Steps(console), play)
    documents = [each.document(plan.seeds) for each in runs]
    shown = f"{crops.name}, {documents[0]['mean']['people']:.0f} people, mean of {len(plan.seeds)} streams"
    shown += crops.told("left out")
    if not any(_comes_again(played.tracks) for played in runs[0].played):
        shown += "; nobody comes twice: whether anybody is recognised can't be measured"
    console.print(comparison(shown, COLUMNS, documents))
    if plan.json_file is not None:
        write_json(plan.json_file, _document(plan, crops, documents))
    if plan.html_file is not None:
        write_page(plan.html_file, stream_page(shown, COLUMNS, documents, runs))


def evaluate(
    plan: StreamPlan, variants: Sequence[Variant], crops: CropSet, steps: Steps, play: Play
) -> list[StreamRun]:
    """Every variant on the same streams. Raises `ConfigError` for streams of one person: every rule gets
    those right."""
    all_tracks = [tracks_of(crops, plan.people, seed) for seed in plan.seeds]
    if any(len({track.person for track in tracks}) < 2 for tracks in all_tracks):
        raise ConfigError(f"{plan.directory}: a stream of one person; telling apart needs two")
    needed = crops.of(sorted({track.person for tracks in all_tracks for track in tracks}))
    # What cannot be opened is said before the work on the others.
    encoders = {name: Encoder.open(name) for name in dict.fromkeys(each.embedder for each in variants)}
    with steps.step("Judging crops"):
        qualities = needed.qualities()
    runs = []
    for variant in variants:
        encoder = encoders[variant.embedder]
        with steps.step(f"Embedding: {variant.name}") as step:
            wires = encoder.wires(needed)
            step.detail = f"{len(wires)} crops"
        began = time.perf_counter()
        with steps.step(f"Deciding: {variant.name}") as step:
            results = [
                play(_stream(tracks, wires, qualities, encoder, variant, plan.frames), variant)
                for tracks in all_tracks
            ]
            step.detail = f"{sum(len(tracks) for tracks in all_tracks)} tracks"
        runs.append(StreamRun(variant, encoder, results, time.perf_counter() - began))
    return runs


def _comes_again(tracks: Sequence[Track]) -> bool:
    """Whether anybody does, on another camera."""
    return len({track.person for track in tracks}) < len(tracks)


def _stream(
    tracks: Sequence[Track],
    wires: Mapping[Path, bytes],
    qualities: Mapping[Path, float],
    encoder: Encoder,
    variant: Variant,
    frames: int | None,
) -> Stream:
    policy = variant.policy
    least = policy.max_samples if frames is None else frames
    return Stream(tracks, wires, qualities, encoder.model, least, pause_of(policy))


def _document(plan: StreamPlan, crops: CropSet, documents: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "evaluate": "stream",
        "set": crops.name,
        "distractors": len(crops.distractors),
        "junk": crops.junk,
        "people": plan.people,
        "seeds": list(plan.seeds),
        "frames": plan.frames,
        "through_kafka": plan.through_kafka,
        "variants": documents,
    }
