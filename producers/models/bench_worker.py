"""One model in a process of its own, for `producers.models.bench`: a question a line, an answer a line.

Arguments: the model, and its kind where the caller knows it.
``open`` -> ``{"kind", "base_mib"}``; a number n -> ``{"seconds"}`` of the processor in one call with n
crops (detectors: one frame); ``memory`` -> ``{"peak_mib"}``. What can't be done -> ``{"error"}``.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from producers.frames import CapturedFrame, Image
from producers.models.kind import kind_of
from reid.errors import ReidError

CROP = (160, 64)
FRAME = (480, 640)


def main() -> None:
    cv2.setNumThreads(1)
    setting, *kinds = sys.argv[1:]
    call = None
    for line in sys.stdin:
        question = line.strip()
        try:
            if question == "open":
                base = _peak_mib()
                kind = kinds[0] if kinds else kind_of(setting)
                call = _encoder(setting) if kind == "encoder" else _detector(setting)
                _answer(kind=kind, base_mib=base)
            elif question == "memory":
                _answer(peak_mib=_peak_mib())
            elif call is not None:
                # Of this process alone: on a busy machine the clock counts what others took.
                began = time.process_time()
                call(int(question))
                _answer(seconds=time.process_time() - began)
        except ReidError as error:
            _answer(error=str(error))


def _encoder(setting: str) -> Callable[[int], object]:
    from producers.embed.select import open_embedder

    embedder = open_embedder(setting)
    crops = [_picture(*CROP, seed) for seed in range(32)]
    return lambda count: embedder.embed(crops[:count])


def _detector(setting: str) -> Callable[[int], object]:
    from producers.detect.select import open_detector

    detector = open_detector(setting)
    frame = CapturedFrame(_picture(*FRAME, 0), 0, 0)
    return lambda _count: detector.detect(frame)


def _picture(height: int, width: int, seed: int) -> Image:
    """Patches of colour with noise: cost depends on the size, hardly on what is seen."""
    generator = np.random.default_rng(seed)
    patches = generator.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
    picture = cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return np.asarray(np.clip(picture + generator.normal(0, 6, picture.shape), 0, 255), np.uint8)


def _peak_mib() -> float:
    """Of this process alone: on Linux ``ru_maxrss`` begins with that of the process that started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _answer(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
