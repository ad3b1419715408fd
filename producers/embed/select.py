"""From the setting ``embedder`` to an encoder."""

from pathlib import Path
from typing import Final

from producers.embed.appearance import Appearance
from producers.embed.base import Embedder
from producers.embed.calibration import calibration_of
from producers.models.store import remedy
from reid.errors import ConfigError

#: The learned encoder that ships with the package; its card stands beside it.
LEARNED: Final = "stripenet-512"
_WEIGHTS: Final = Path(__file__).parent / "weights"


def open_embedder(setting: str) -> Embedder:
    """``stripenet-512``, ``appearance-512``, or the path of a model: .onnx, .xml (OpenVINO IR), .ts / .pt
    (TorchScript).

    Raises `ConfigError` when the file is missing, of another kind, or of an unknown layout.
    """
    if setting == Appearance.name:
        return Appearance(calibration_of(Appearance.name))
    path = _WEIGHTS / f"{LEARNED}.onnx" if setting == LEARNED else Path(setting).expanduser()
    if not path.is_file():
        raise ConfigError(
            f"embedder {setting}: no such file; "
            + (remedy(setting) or "see `saferoom models list`")
            + f", or set SAFEROOM_EMBEDDER to {LEARNED}, {Appearance.name} "
            "or to the path of an .onnx, .xml or .ts model"
        )
    from producers.embed.deep import DeepEmbedder

    return DeepEmbedder.open(path)
