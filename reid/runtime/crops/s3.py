"""Crops in a bucket of Amazon S3 or of a server that speaks its protocol: {prefix}/{site}/{sha256}.jpg."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

from reid.errors import ConfigError, Unavailable
from reid.runtime.crops.base import SHA256, Stored, genuine, name_of

T = TypeVar("T")


class S3Crops:
    """`CropStore` by boto3, the extra ``s3``. Credentials and region come from where boto3 looks for them:
    the environment, its configuration files, or the machine's role.

    Raises `ConfigError` when boto3 is absent or the address is none.
    """

    def __init__(self, address: str, endpoint: str | None = None) -> None:
        parts = urlsplit(address)
        if parts.scheme != "s3" or not parts.netloc:
            raise ConfigError(f"SAFEROOM_CROPS_STORE={address}: an address in S3 is s3://bucket/prefix")
        self._bucket, prefix = parts.netloc, parts.path.strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._client, self._errors = _client(endpoint)

    def put(self, site_id: str, jpeg: bytes) -> str:
        sha256 = name_of(jpeg)
        self._asked(
            lambda: self._client.put_object(
                Bucket=self._bucket, Key=self._key(site_id, sha256), Body=jpeg, ContentType="image/jpeg"
            )
        )
        return sha256

    def get(self, site_id: str, sha256: str) -> bytes | None:
        def fetch() -> bytes | None:
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=self._key(site_id, sha256))
            except self._client.exceptions.NoSuchKey:
                return None
            body: bytes = found["Body"].read()
            return body

        jpeg = self._asked(fetch)
        return jpeg if jpeg is not None and genuine(sha256, jpeg) else None

    def delete(self, site_id: str, sha256: str) -> None:
        self._asked(lambda: self._client.delete_object(Bucket=self._bucket, Key=self._key(site_id, sha256)))

    def sites(self) -> list[str]:
        pages = self._pages(Prefix=self._prefix, Delimiter="/")
        folders = [part["Prefix"] for page in pages for part in page.get("CommonPrefixes", ())]
        return sorted(unquote(folder[len(self._prefix) :].rstrip("/")) for folder in folders)

    def each(self, site_id: str) -> Iterator[Stored]:
        for page in self._pages(Prefix=self._folder(site_id)):
            for entry in page.get("Contents", ()):
                name = entry["Key"].rpartition("/")[2].removesuffix(".jpg")
                if SHA256.match(name):
                    yield Stored(name, entry["Size"], entry["LastModified"].timestamp())

    def _pages(self, **asked: str) -> list[Any]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, **asked)
        return self._asked(lambda: list(pages))

    def _folder(self, site_id: str) -> str:
        return f"{self._prefix}{quote(site_id, safe='')}/"

    def _key(self, site_id: str, sha256: str) -> str:
        if not SHA256.match(sha256):
            raise ValueError(f"{sha256!r} is no SHA-256")
        return f"{self._folder(site_id)}{sha256}.jpg"

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except self._errors as error:
            raise Unavailable(
                f"the crop store s3://{self._bucket} does not answer as it should ({error}): check "
                "SAFEROOM_CROPS_STORE, SAFEROOM_CROPS_S3_ENDPOINT and the credentials that boto3 finds"
            ) from error


@cache
def _client(endpoint: str | None) -> tuple[Any, tuple[type[Exception], ...]]:
    """One client for a process (they are thread-safe), and the errors of its library."""
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise ConfigError(
            "crops in S3 need boto3: install saferoom-reid[s3], or give SAFEROOM_CROPS_STORE a directory"
        ) from error
    config = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 2, "mode": "standard"})
    try:
        client = boto3.client("s3", endpoint_url=endpoint, config=config)
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(f"boto3 can't be set up for the crop store: {error}") from error
    return client, (BotoCoreError, ClientError)
