"""Crops in a bucket: boto3 against an S3 server on loopback (moto's)."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from reid.errors import ConfigError, Unavailable
from reid.runtime.crops.base import name_of
from reid.runtime.crops.s3 import S3Crops
from reid.runtime.crops.select import open_crops
from reid.runtime.settings import Settings

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]
SITE = "global"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server with the bucket ``pictures``."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=url).create_bucket(Bucket="pictures")
        yield url
    finally:
        server.stop()


def test_kept_found_listed_and_deleted(endpoint: str) -> None:
    crops = S3Crops("s3://pictures/saferoom", endpoint)
    assert crops.sites() == []
    name = crops.put(SITE, b"jpeg")
    other = crops.put("annex", b"other")
    assert name == name_of(b"jpeg")
    assert crops.get(SITE, name) == b"jpeg"
    assert crops.get(SITE, other) is None
    assert crops.sites() == ["annex", SITE]
    (stored,) = crops.each(SITE)
    assert (stored.sha256, stored.size) == (name, 4)
    assert stored.at > 1_700_000_000
    crops.delete(SITE, name)
    crops.delete(SITE, name)
    assert list(crops.each(SITE)) == []
    assert crops.get("annex", other) == b"other"


def test_more_than_a_page_is_listed(endpoint: str) -> None:
    crops = S3Crops("s3://pictures", endpoint)
    names = {crops.put(SITE, b"%d" % n) for n in range(1_050)}
    assert {stored.sha256 for stored in crops.each(SITE)} == names


def test_bytes_that_are_not_what_their_name_says_are_no_crop(endpoint: str) -> None:
    crops = S3Crops("s3://pictures/saferoom", endpoint)
    name = crops.put(SITE, b"jpeg")
    client = boto3.client("s3", endpoint_url=endpoint)
    client.put_object(Bucket="pictures", Key=f"saferoom/{SITE}/{name}.jpg", Body=b"else")
    assert crops.get(SITE, name) is None


def test_what_is_wrong_names_the_settings(endpoint: str, tmp_path: Any) -> None:
    settings = Settings(home=tmp_path, crops_store="s3://nowhere", crops_s3_endpoint=endpoint)
    with pytest.raises(Unavailable, match="SAFEROOM_CROPS_S3_ENDPOINT"):
        open_crops(settings).put(SITE, b"jpeg")
    with pytest.raises(ConfigError, match="s3://bucket/prefix"):
        open_crops(Settings(home=tmp_path, crops_store="https://nowhere/x"))
