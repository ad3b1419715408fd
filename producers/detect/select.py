"""From the setting ``detector`` to a detector."""

from pathlib import Path

from producers.detect.base import Detector
from producers.detect.truth import TruthDetector
from producers.models.store import remedy
from reid.errors import ConfigError


def open_detector(setting: str) -> Detector:
    """A detector of its own for one camera: ``hog``, ``truth``, or the path of a model.

    Raises `ConfigError` when the file is missing, or its layout is neither known nor declared.
    """
    if setting == "truth":
        return TruthDetector()
    if setting == "hog":
        from producers.detect.hog import HogDetector

        return HogDetector()
    path = Path(setting).expanduser()
    if not path.is_file():
        raise ConfigError(
            f"detector {setting}: no such file; "
            + (remedy(setting) or "see `saferoom models list`")
            + ", or set SAFEROOM_DETECTOR to hog, truth (sim:// sources), "
            "or the path of an .onnx, .xml or .ts model"
        )
    from producers.detect.onnx import OnnxDetector

    return OnnxDetector.open(path)
