"""What live pictures, words and crops cost a camera process: ``python -m benchmarks.camera_cost``.

The same simulated minute and a half, as fast as it goes, in a process of its own for each choice, into a real
Kafka; CPU seconds (user and system) of that process, several rounds in turn. The least of the rounds counts:
a busy machine only adds.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from reid.runtime.admin import create_topics
from reid.runtime.servers.kafka import EmbeddedKafka

UNTIL_S: Final = 90
SOURCE: Final = f"sim://?people=12&seed=0&camera=2&realtime=0&until={UNTIL_S}"
CHOICES: Final = {
    "none": {"live_pictures": "false", "attributes": "false", "crops": "off"},
    "live pictures": {"live_pictures": "true", "attributes": "false", "crops": "off"},
    "words": {"live_pictures": "false", "attributes": "true", "crops": "off"},
    "crops": {"live_pictures": "false", "attributes": "false", "crops": "on"},
    "all": {"live_pictures": "true", "attributes": "true", "crops": "on"},
}


def cpu_seconds(kafka: str, home: Path, detector: str, choice: dict[str, str]) -> float:
    env = {k: v for k, v in os.environ.items() if not k.startswith("SAFEROOM_")} | {
        "SAFEROOM_HOME": str(home),
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "OMP_NUM_THREADS": "1",
        **{f"SAFEROOM_{name.upper()}": value for name, value in choice.items()},
    }
    command = [sys.executable, "-m", "deploy.cli", "camera", "--camera-id", "room2", "--source", SOURCE]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*command, "--detector", detector], env=env, check=True, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--detector", default="truth")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    spent: dict[str, list[float]] = {name: [] for name in CHOICES}
    with tempfile.TemporaryDirectory() as folder, EmbeddedKafka(Path(folder)) as server:
        create_topics(server.bootstrap, 4, 1)
        for _ in range(asked.rounds):
            for name, choice in CHOICES.items():
                spent[name].append(cpu_seconds(server.bootstrap, Path(folder), asked.detector, choice))
    base = min(spent["none"])
    found = {
        "command": " ".join(["python -m benchmarks.camera_cost", *sys.argv[1:]]),
        "detector": asked.detector,
        "camera_seconds": UNTIL_S,
        "cpu_seconds": {name: [round(s, 2) for s in seconds] for name, seconds in spent.items()},
        "percent_of_a_core_more": {
            name: round(100 * (min(seconds) - base) / UNTIL_S, 2) for name, seconds in spent.items()
        },
    }
    text = json.dumps(found, indent=2) + "\n"
    if asked.json:
        asked.json.write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
