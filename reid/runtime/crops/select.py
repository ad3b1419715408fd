"""Which crop store the settings name."""

from pathlib import Path

from reid.runtime.crops.base import CropStore
from reid.runtime.crops.directory import DirectoryCrops
from reid.runtime.settings import Settings


def open_crops(settings: Settings) -> CropStore:
    """Nothing is made or asked before the first use. Raises `ConfigError`."""
    location = settings.crops_location
    if "://" in location:
        from reid.runtime.crops.s3 import S3Crops

        return S3Crops(location, settings.crops_s3_endpoint)
    return DirectoryCrops(Path(location).expanduser().absolute())
