"""From the setting ``detector`` to a detector."""

from pathlib import Path
from typing import Final

from producers.detect.base import Detector
from producers.detect.truth import TruthDetector
from producers.models.store import remedy
from reid.errors import ConfigError

#: The learned detector that ships with the package; its card stands beside its weights.
BUILT_IN: Final = "headnet"

#: How the sources begin that are cameras of the simulated site.
SIMULATED: Final = "sim://"
#: The default: the built-in detector that measured better where a camera looks.
AUTO: Final = "auto"


def detector_for(setting: str, source: str) -> str:
    """What the setting ``detector`` means for a source: `AUTO` is `BUILT_IN` for every real camera, and
    ``hog`` on the simulated site, which its rules were made on; anything else is itself."""
    if setting != AUTO:
        return setting
    return "hog" if source.startswith(SIMULATED) else BUILT_IN


def open_detector(setting: str) -> Detector:
    """A detector of its own for one camera: ``headnet``, ``hog``, ``truth``, or the path of a model.

    Raises `ConfigError` when the file is missing, or its layout is neither known nor declared.
    """
    if setting == "truth":
        return TruthDetector()
    if setting == "hog":
        from producers.detect.hog import HogDetector

        return HogDetector()
    if setting == BUILT_IN:
        from producers.detect.headnet import HeadDetector

        return HeadDetector()
    path = Path(setting).expanduser()
    if not path.is_file():
        raise ConfigError(
            f"detector {setting}: no such file; "
            + (remedy(setting) or "see `saferoom models list`")
            + ", or set SAFEROOM_DETECTOR to auto, headnet, hog, truth (sim:// sources), "
            "or the path of an .onnx, .xml or .ts model"
        )
    from producers.detect.onnx import OnnxDetector

    return OnnxDetector.open(path)
