"""Who looked for whom. Topic ``reid.audit.v1``, key = site id: kept for ever, written before the answer."""

from typing import Literal

import msgspec


class SearchMade(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="type",
    tag="reid.audit.search.v1",
    omit_defaults=True,
):
    """Somebody searched for a person. It holds no picture and no embedding.

    ``at``: ms since the epoch. ``by``: the caller, with whom it said to ask for; ``role``: its role then,
    ``purpose``: what for, in the caller's words. ``kind``: what was searched with (``attributes``: with
    nothing else); ``person_id`` of an existing person, ``picture_sha256`` (hex) of a picture, ``model`` of an
    embedding or picture. ``since``, ``until``, ``cameras``, ``attributes``, ``limit``: the filters as asked.
    ``results``: ids as answered,
    best first; ``searched``: persons that passed the filters.
    """

    site_id: str
    at: int
    search_id: str
    by: str
    role: str
    purpose: str
    kind: Literal["image", "person", "embedding", "similar", "attributes"]
    limit: int
    results: tuple[str, ...]
    searched: int
    person_id: str | None = None
    picture_sha256: str = ""
    model: str = ""
    since: int | None = None
    until: int | None = None
    cameras: tuple[str, ...] = ()
    attributes: str = ""
