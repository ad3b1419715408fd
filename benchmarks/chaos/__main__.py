"""``python -m benchmarks.chaos --frames 100000 --kills 30``: exit 0 only when nothing was lost or doubled."""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.chaos import away, campaign
from benchmarks.chaos.blows import PARTS
from reid.runtime.servers.jars import fetch, kafka_version, locked
from reid.runtime.settings import Settings


def main() -> int:
    args = _arguments()
    console, stopping = Console(highlight=False, width=160), threading.Event()
    begun = time.monotonic()
    with _home(args.home) as home:
        settings = Settings.model_validate({"home": home, "api_port": 0, "worker_id": "worker-0"})
        _jars(home)
        if args.scenario == "broker-away":
            said: dict[str, Any] = away.run(settings, args.seconds, args.after, console)
        else:
            plan = campaign.Plan(
                args.frames,
                args.kills,
                args.freezes,
                args.seed,
                args.per_message,
                args.pace,
                tuple(args.part or PARTS),
            )
            said = campaign.run(settings, plan, console, stopping)
    said = {"command": " ".join(["python -m benchmarks.chaos", *_told(sys.argv[1:])]), **said}
    said["wall_seconds"] = round(time.monotonic() - begun, 1)
    said["cores"] = os.cpu_count()
    said["load_average"] = [round(load, 1) for load in os.getloadavg()]
    if args.json is not None:
        args.json.write_text(json.dumps(said, indent=2) + "\n")
    console.print(json.dumps({k: v for k, v in said.items() if k != "timeline"}, indent=2), soft_wrap=True)
    return 0 if said["passed"] else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--scenario", choices=("kills", "broker-away"), default="kills")
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--freezes", type=int, default=10, help="SIGSTOP of a writer, takeover, SIGCONT")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per-message", type=int, default=20, help="frames a message")
    parser.add_argument("--pace", type=float, default=4.0, help="seconds of load for each blow")
    parser.add_argument("--part", action="append", choices=PARTS, help="kill only these; repeatable")
    parser.add_argument("--seconds", type=float, default=120.0, help="broker-away: how long")
    after = "broker-away: seconds from its return to the end"
    parser.add_argument("--after", type=float, default=away.AFTER_S, help=after)
    parser.add_argument("--home", type=Path, help="state directory to keep; default: a temporary one")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def _told(arguments: list[str]) -> list[str]:
    """Without the state directory: it says where, not what."""
    homes = {n for n, text in enumerate(arguments) if text == "--home"}
    return [
        text
        for n, text in enumerate(arguments)
        if n not in homes and n - 1 not in homes and not text.startswith("--home=")
    ]


@contextmanager
def _home(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="saferoom-chaos-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def _jars(home: Path) -> None:
    """Kafka's jars once for all runs: a link to a folder of the user's in place of another download."""
    import platformdirs

    jars, version = locked(), kafka_version(locked())
    cache = Path(platformdirs.user_cache_path("saferoom")) / f"kafka-{version}"
    fetch(jars, cache)
    link = home / "kafka" / f"jars-{version}"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.exists():
        link.symlink_to(cache)


if __name__ == "__main__":
    sys.exit(main())
