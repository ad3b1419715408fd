"""The persons view as one text: two stores at the same position of the log give the same bytes.

Left out, because they may differ between two right stores: outcomes (they live an hour after they were
projected), camera reports (one a second, from a compacted topic: no fold of the event log), positions (a
position passes transaction markers when the reader does), the generation (another in each rebuild) and the
numbers of the views' forms; and alerts, the view of another log.
Expiry times are left out too: they depend on when a key was written.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from reid.contracts import topics
from reid.contracts.topics import REDIS_PREFIX

_FAMILIES: Final = (
    "index", "tallies", "by-camera", "person-cameras", "stats", "live", "live-cameras", "history", "samples",
    "journeys", "visits", "rule", "transitions", "occupancy", "reviews", "shown",
)  # fmt: skip
_PASSING: Final = ("outcome", "cameras", "alerts", "position", "form", "generation", "rebuilding", "hold")
_INDEX: Final = topics.persons_index_key("")


def canonical(found: Mapping[str, Any]) -> dict[str, Any]:
    """What of a store's dump is the persons view. Documents of the older system have the same prefix, but no
    index of theirs."""
    known = sites(found)
    return {
        key: value
        for key, value in sorted(found.items())
        if _family(key) in _FAMILIES or _is_document(key, known)
    }


def sha256(found: Mapping[str, Any]) -> str:
    """Of the `canonical` part of a store's dump."""
    text = json.dumps(canonical(found), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def sites(keys: Iterable[str]) -> set[str]:
    """Sites that have persons."""
    return {key.removeprefix(_INDEX) for key in keys if key.startswith(_INDEX)}


def is_ours(key: str, known: Collection[str]) -> bool:
    """Whether a rebuild makes this key anew. ``known``: sites in the view. All others are somebody else's,
    also documents of the older system (`saferoom migrate` reads them)."""
    family = _family(key)
    return family in _FAMILIES or family in _PASSING or _is_document(key, known)


def _is_document(key: str, known: Collection[str]) -> bool:
    return any(key.startswith(topics.person_key(site, "")) for site in known)


def _family(key: str) -> str:
    prefix, _, rest = key.partition(":")
    return rest.partition(":")[0] if prefix == REDIS_PREFIX else ""
