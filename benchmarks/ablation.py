"""What each part of the decision rule buys: ``python -m benchmarks.ablation --crops DIR``.

The whole rule beside the rule without one of its parts, and without all of them, always at the default
threshold: on a stream of crops (``saferoom evaluate stream``), and on the simulated site with true boxes and
with the built-in detector (``saferoom evaluate video``). Every variant decides on the same crops.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
from rich.console import Console
from rich.table import Table

from deploy.evaluate import stream_command, video_command
from deploy.evaluate.crops import open_crops
from deploy.evaluate.stream_command import StreamPlan, in_memory
from deploy.evaluate.variants import Variant, policy_with
from deploy.evaluate.video_command import VideoPlan
from deploy.steps import Steps
from reid.contracts.policy import Policy
from reid.runtime.settings import Settings

#: What is taken away, by the fields of `Policy` that do it.
PARTS: Final[Mapping[str, Sequence[str]]] = {
    "the whole rule": (),
    "without camera means": ("camera_mean=false",),
    "without the site's scale": ("site_scale=false",),
    "without the gate": ("gate=false",),
    "without revisions": ("revise=false",),
    "without the margin": ("margin=0",),
    "without the grey zone": ("grey_zone=0",),
    "one crop decides": ("min_samples=1", "max_samples=1"),
    "templates at the threshold": ("template_strictness=0",),
    "one template a person": ("max_templates=1",),
    "none of these": (
        "camera_mean=false", "site_scale=false", "gate=false", "revise=false", "margin=0", "grey_zone=0",
        "min_samples=1", "max_samples=1", "template_strictness=0", "max_templates=1",
    ),
}  # fmt: skip
_STREAM: Final = ("pair_f1", "ids_per_person", "persons_per_id")
_SITE: Final = ("cross_idf1", "pair_f1", "ids_per_person", "persons_per_id")


def main() -> int:
    args = _arguments()
    cv2.setNumThreads(1)
    seeds = [int(seed) for seed in args.seed.split(",")]
    console = Console(width=200, highlight=False)
    variants = [Variant(name, args.embedder, policy_with(Policy(), off)) for name, off in PARTS.items()]
    steps, found = Steps(console), {}
    if args.crops is not None:
        plan = StreamPlan(args.crops, args.people, seeds)
        runs = stream_command.evaluate(plan, variants, open_crops(args.crops), steps, in_memory)
        found[f"stream {args.crops.name}"] = [_told(run.document(seeds), _STREAM) for run in runs]
    for detector in args.detector.split(","):
        settings = Settings.model_validate({"detector": detector, "embedder": args.embedder})
        footage = VideoPlan(seeds=seeds, seconds=args.seconds).footage(settings.camera_fps)
        watched = video_command.evaluate(footage, variants, settings, steps)
        found[f"site, {detector}"] = [_told(run.document(), _SITE) for run in watched]
    for name, rows in found.items():
        console.print(_table(name, rows))
    if args.json is not None:
        said = {"command": " ".join(["python -m benchmarks.ablation", *map(_short, sys.argv[1:])])}
        before = json.loads(args.json.read_text()) if args.json.exists() else {}
        merged = {**before, **{name: {**said, "seeds": seeds, "parts": rows} for name, rows in found.items()}}
        args.json.write_text(json.dumps(merged, indent=2) + "\n")
    return 0


def _told(document: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    return {
        "variant": document["name"],
        "policy": document["policy"],
        **{name: round(document["mean"][name], 4) for name in columns},
    }


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=title)
    names = [name for name in rows[0] if name != "policy"]
    for name in names:
        table.add_column(name)
    for row in rows:
        table.add_row(*(str(row[name]) for name in names))
    return table


def _short(argument: str) -> str:
    """Where the data lie here is nobody's business."""
    return argument.rpartition("/")[2]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation", description=__doc__)
    parser.add_argument("--crops", type=Path, help="a directory named as Market-1501 names its files")
    parser.add_argument("--people", type=int, default=100, help="of the stream")
    parser.add_argument("--embedder", default="stripenet-512")
    parser.add_argument("--detector", default="truth,hog", help="on the site, split by commas")
    parser.add_argument("--seconds", type=float, default=180.0, help="of the site")
    parser.add_argument("--seed", default="0,1,2")
    parser.add_argument("--json", type=Path, help="added to what it holds of other sets")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
