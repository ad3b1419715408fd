"""Stored crops: named by content, whole or not there, each site's its own."""

import hashlib
import os
from pathlib import Path

import pytest

from reid.errors import ConfigError, Unavailable
from reid.runtime.crops.directory import DirectoryCrops
from reid.runtime.crops.s3 import S3Crops
from reid.runtime.crops.select import open_crops
from reid.runtime.settings import Settings

SITE = "global"


@pytest.fixture
def crops(tmp_path: Path) -> DirectoryCrops:
    return DirectoryCrops(tmp_path / "crops")


def files(crops: DirectoryCrops) -> list[Path]:
    return sorted(path for path in crops._root.rglob("*") if path.is_file())


def test_a_crop_is_found_by_the_sha256_of_its_bytes(crops: DirectoryCrops) -> None:
    name = crops.put(SITE, b"jpeg")
    assert name == hashlib.sha256(b"jpeg").hexdigest()
    assert crops.get(SITE, name) == b"jpeg"
    assert [path.name for path in files(crops)] == [f"{name}.jpg"]
    (stored,) = crops.each(SITE)
    assert (stored.sha256, stored.size) == (name, 4)


def test_the_same_picture_is_kept_once_and_counts_as_new(crops: DirectoryCrops) -> None:
    name = crops.put(SITE, b"jpeg")
    (path,) = files(crops)
    os.utime(path, (1, 1))
    assert crops.put(SITE, b"jpeg") == name
    (stored,) = crops.each(SITE)
    assert stored.at > 1


def test_a_damaged_file_is_nobodys_picture(crops: DirectoryCrops, caplog: pytest.LogCaptureFixture) -> None:
    name = crops.put(SITE, b"jpeg")
    files(crops)[0].write_bytes(b"jpe")
    assert crops.get(SITE, name) is None
    assert "damaged" in caplog.text


def test_sites_do_not_see_each_other(crops: DirectoryCrops) -> None:
    name = crops.put("annex", b"jpeg")
    assert crops.get(SITE, name) is None
    assert crops.sites() == ["annex"]
    crops.delete(SITE, name)
    assert crops.get("annex", name) == b"jpeg"
    crops.delete("annex", name)
    crops.delete("annex", name)
    assert list(crops.each("annex")) == []


@pytest.mark.parametrize("site", ["..", ".", "a/../../b"])
def test_no_site_leads_out_of_the_store(crops: DirectoryCrops, site: str) -> None:
    crops.put(site, b"jpeg")
    assert all(path.is_relative_to(crops._root / "") for path in files(crops))
    assert len(files(crops)) == 1
    assert crops.sites() == [site]


def test_a_name_that_is_none_is_refused(crops: DirectoryCrops) -> None:
    with pytest.raises(ValueError, match="no SHA-256"):
        crops.get(SITE, "../../etc/passwd")


def test_nothing_stored_is_nothing_found(crops: DirectoryCrops) -> None:
    assert crops.sites() == []
    assert list(crops.each(SITE)) == []
    assert crops.get(SITE, "0" * 64) is None


def test_half_a_file_is_left_by_no_failure(crops: DirectoryCrops, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(Unavailable, match=r"No space left.*SAFEROOM_CROPS_STORE"):
        crops.put(SITE, b"jpeg")
    assert files(crops) == []


def test_only_the_owner_may_read(crops: DirectoryCrops) -> None:
    crops.put(SITE, b"jpeg")
    (path,) = files(crops)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_settings_name_the_store(tmp_path: Path) -> None:
    found = open_crops(Settings(home=tmp_path))
    assert isinstance(found, DirectoryCrops)
    assert found._root == tmp_path / "crops"
    elsewhere = open_crops(Settings(home=tmp_path, crops_store=str(tmp_path / "pictures")))
    assert isinstance(elsewhere, DirectoryCrops)
    assert elsewhere._root == tmp_path / "pictures"


@pytest.mark.parametrize("address", ["s3://", "ftp://bucket/x"])
def test_an_address_that_is_none_says_how_it_is_written(address: str) -> None:
    with pytest.raises(ConfigError, match="s3://bucket/prefix"):
        S3Crops(address)
