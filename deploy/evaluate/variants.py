"""What is put side by side in one run: encoders, or policies, each under a name."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from pydantic import Field, TypeAdapter, ValidationError

from producers.models.store import resolved
from reid.contracts.policy import Policy
from reid.errors import ConfigError
from reid.runtime.settings import Settings

#: Of the rule: what is asked for by its setting's name, and how many of the rule's are one of the setting's.
_SETTINGS: Final = {
    "threshold": ("similarity_threshold", 1),
    "seen_interval": ("seen_interval", 1000),
    "track_timeout": ("track_timeout", 1000),
    "visit_gap": ("visit_gap", 1000),
    "day_starts": ("day_start_hour", 3_600_000),
    "ttl": ("ttl_days", 86_400_000),
}


@dataclass(frozen=True)
class Variant:
    """``embedder``: as the setting of that name; a fetched model's path."""

    name: str
    embedder: str
    policy: Policy


def variants(
    embedder: str | None, policy: Sequence[str], compare: str | None, default: str, home: Path
) -> list[Variant]:
    """``policy``: name=value, for all. ``compare``: encoders, and policies as name=value[+name=value…],
    split by commas. What ``embedder`` and ``policy`` give by themselves comes first, unless encoders alone
    are compared and none was given. The same variant twice is one. ``home``: fetched models lie in it.

    Raises `ConfigError` for a policy that does not exist.
    """
    # The clock of a stream is made up: a night between two tracks of a long one is none.
    base = policy_with(Policy(day_strictness=0.0), policy)
    name = embedder or default
    first = resolved(name, home)
    items = [item.strip() for item in (compare or "").split(",") if item.strip()]
    found = [_variant(item, first, base, home) for item in items]
    if not items or embedder is not None or any(variant.embedder == first for variant in found):
        found.insert(0, Variant(_short(name), first, base))
    unique = {(variant.embedder, variant.policy.version): variant for variant in reversed(found)}
    return _told_apart(list(reversed(unique.values())))


def _told_apart(found: list[Variant]) -> list[Variant]:
    """Two files of one name in different places go by their paths."""
    names = Counter(variant.name for variant in found)
    return [
        replace(variant, name=variant.embedder) if names[variant.name] > 1 else variant for variant in found
    ]


def _variant(item: str, embedder: str, base: Policy, home: Path) -> Variant:
    name, equals, _ = item.partition("=")
    if equals and not {"/", "\\"} & set(name):  # a directory may have an = in its name
        return Variant(item, embedder, policy_with(base, item.split("+")))
    return Variant(_short(item), resolved(item, home), base)


def _short(embedder: str) -> str:
    return embedder.replace("\\", "/").rpartition("/")[2]


def policy_with(policy: Policy, changes: Sequence[str]) -> Policy:
    """``name=value`` each; values as in JSON. Raises `ConfigError` naming what there is, and for what the
    setting of that number would not take."""
    fields = [name for name in Policy.__struct_fields__ if name != "rule"]
    values = msgspec.structs.asdict(policy)
    for change in changes:
        name, equals, text = change.partition("=")
        if name not in fields or not equals:
            raise ConfigError(f"policy {change!r}: give name=value, name one of {', '.join(fields)}")
        try:
            values[name] = msgspec.json.decode(text.encode())
        except msgspec.DecodeError:
            values[name] = text
    try:
        made = msgspec.convert(values, Policy)
    except msgspec.ValidationError as error:
        raise ConfigError(f"policy {', '.join(changes)}: {error}") from error
    for change in changes:
        name = change.partition("=")[0]
        _check(change, name, getattr(made, name))
    return made


def _check(change: str, name: str, value: Any) -> None:
    """Numbers that have no setting must not be negative."""
    if name == "camera_thresholds":
        for threshold in value.values():
            _check(change, "threshold", threshold)
    elif isinstance(value, int | float):
        setting, of_one = _SETTINGS.get(name, (name, 1))
        field = Settings.model_fields.get(setting)
        bounds = field.metadata if field else [Field(ge=0)]
        try:
            TypeAdapter(Annotated[float, *bounds]).validate_python(value / of_one)
        except ValidationError as error:
            unit = "" if of_one == 1 else f"as SAFEROOM_{setting.upper()} counts, "
            raise ConfigError(f"policy {change}: {unit}{error.errors()[0]['msg'].lower()}") from error


def seeds_of(text: str) -> list[int]:
    """``0,1,2``. Raises `ConfigError` for what is no whole number, and below 0, which no generator takes."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise ConfigError(f"--seed {text}: give whole numbers from 0, split by commas")
    return list(dict.fromkeys(int(part) for part in parts))
