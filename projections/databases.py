"""Two logical databases of one Redis server: the live one, and the one that a rebuild fills and swaps in."""

import secrets
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
import redis

from projections.canonical import is_ours, sites
from projections.redis_store import RedisViewStore, asked
from projections.scratch_store import ScratchStore
from reid.contracts.codec import encode
from reid.contracts.topics import (
    GENERATION_KEY,
    HOLD_KEY,
    REDIS_PREFIX,
    labels_channel,
    live_labels_key,
    persons_channel,
)
from reid.contracts.views import LabelsChanged, LiveTrack, PersonsChanged, person_labels
from reid.errors import ConfigError, Unavailable

MARK: Final = f"{REDIS_PREFIX}:rebuilding"
#: Seconds after which a rebuild that does not go on counts as dead, and another may begin.
CLAIM_S: Final = 60
#: Seconds that live commits wait for a swap at most.
HOLD_S: Final = 10
_live = msgspec.json.Decoder(LiveTrack)


class Claimed(ConfigError):
    """Another rebuild runs."""


def url_of(url: str, database: int) -> str:
    """The same server, another database."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "db"]
    if parts.scheme == "unix":
        return urlunsplit(parts._replace(query=urlencode([*query, ("db", str(database))])))
    return urlunsplit(parts._replace(path=f"/{database}", query=urlencode(query)))


class Databases:
    """``live`` and ``scratch``: their stores. Close it. Raises `ConfigError` where a rebuild can't begin.

    ``token``: of whom the claim is; another process gets it by pickle, and fills for the same rebuild."""

    def __init__(self, url: str, scratch: int | None = None, token: str | None = None) -> None:
        self._live: Any = redis.Redis.from_url(url)
        self._live_number = int(self._live.get_connection_kwargs().get("db") or 0)
        self._scratch_number = self._live_number + 1 if scratch is None else scratch
        if self._scratch_number == self._live_number:
            raise ConfigError("a rebuild needs a second Redis database: give another --scratch-db")
        other = url_of(url, self._scratch_number)
        self.live, self.scratch = RedisViewStore(url), ScratchStore(other)
        self._scratch: Any = redis.Redis.from_url(other)
        self._url, self._token = url, token or secrets.token_hex(8)

    def __reduce__(self) -> tuple[type["Databases"], tuple[str, int, str]]:
        return Databases, (self._url, self._scratch_number, self._token)

    def close(self) -> None:
        for client in (self.live, self.scratch, self._live, self._scratch):
            client.close()

    def claim(self) -> None:
        """Empties the second database, unless it holds what no rebuild left there, or another one runs.
        Raises `Claimed`, `ConfigError`."""
        if not asked(lambda: self._live.set(MARK, self._token, nx=True, ex=CLAIM_S)):
            raise Claimed(f"another rebuild runs, or ran within the last {CLAIM_S} s: wait for its end")
        try:
            held = self._keys_there()
            if held and not asked(lambda: self._scratch.exists(MARK)):
                raise ConfigError(
                    f"Redis database {self._scratch_number} holds {held} keys of somebody else: "
                    "give a free one with --scratch-db"
                )
            asked(self._scratch.flushdb)
            asked(lambda: self._scratch.set(MARK, self._token))
        except BaseException:
            self._live.delete(MARK)
            raise

    def _keys_there(self) -> int:
        """In the second database. Raises `ConfigError` where there is none: no waiting makes one."""
        try:
            return int(asked(self._scratch.dbsize))
        except Unavailable as error:
            if "DB index is out of range" not in str(error):
                raise
            raise ConfigError(
                f"this Redis has no database {self._scratch_number}: give another with --scratch-db, "
                "or raise its `databases`"
            ) from error

    def keep_claim(self) -> None:
        """Raises `Claimed` when another rebuild took over, or the live database was emptied meanwhile:
        then its projector fills it again, and the claim is made anew."""
        held = asked(lambda: self._live.get(MARK))
        if held is None:
            asked(lambda: self._live.set(MARK, self._token, nx=True, ex=CLAIM_S))
        elif held.decode() != self._token:
            raise Claimed("another rebuild took over: wait for its end")
        else:
            asked(lambda: self._live.expire(MARK, CLAIM_S))

    def release(self) -> None:
        """Leaves the second database empty."""
        asked(self._scratch.flushdb)
        asked(lambda: self._live.delete(MARK, HOLD_KEY))

    def hold(self) -> None:
        """Live commits wait from now on, until the swap or `HOLD_S`."""
        asked(lambda: self._live.set(HOLD_KEY, self._token, ex=HOLD_S))

    def swap(self) -> str:
        """The second database is the live one from now on, for all who are connected, at once. Keys of
        others move along. Returns the new generation. Raises `Unavailable` when the hold has run out."""
        generation = secrets.token_hex(8)
        asked(lambda: self._scratch.set(GENERATION_KEY, generation))
        asked(lambda: self._scratch.delete(MARK))
        mine = [k.decode() for k in asked(lambda: list(self._live.scan_iter(count=1000)))]
        known = sites(mine) | sites(
            k.decode() for k in asked(lambda: self._scratch.keys(f"{REDIS_PREFIX}:index:*"))
        )
        with self._live.pipeline(transaction=True) as pipe:
            # Another value, or none, at the end of the transaction: the live view went on, try again.
            asked(lambda: pipe.watch(HOLD_KEY))
            if asked(lambda: pipe.get(HOLD_KEY)) != self._token.encode():
                raise Unavailable("the swap came too late after its hold: rebuild again")
            pipe.multi()
            for key in mine:
                if not is_ours(key, known):
                    pipe.copy(key, key, destination_db=self._scratch_number, replace=True)
            pipe.execute_command("SWAPDB", self._live_number, self._scratch_number)
            asked(pipe.execute)
        self._announce(known)
        self.release()
        return generation

    def _announce(self, known: set[str]) -> None:
        """Whoever shows labels gets those of the new view, whatever it was told of the old."""
        for site in known:
            asked(partial(self._live.publish, persons_channel(site), encode(PersonsChanged(all=True))))
            prefix = live_labels_key(site, "")
            found: dict[bytes, list[bytes]] = asked(partial(self._tracks, prefix))
            for key, tracks in found.items():
                labels = person_labels(map(_live.decode, tracks))
                changed = LabelsChanged(camera_id=key.decode().removeprefix(prefix), person_labels=labels)
                asked(partial(self._live.publish, labels_channel(site), encode(changed)))

    def _tracks(self, prefix: str) -> dict[bytes, list[bytes]]:
        return {key: self._live.hvals(key) for key in self._live.scan_iter(f"{prefix}*", 1000)}
