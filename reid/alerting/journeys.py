"""How long people need from one camera to another, as the log shows, and what is too fast to be true."""

from typing import Final

from reid.alerting.state import SiteState, key_of
from reid.contracts.alert_rules import AlertRule

#: Transitions are counted in steps of so many milliseconds, up to the last one, which holds all slower ones.
STEP: Final = 500
_STEPS: Final = 1200
#: So many transitions of a pair of cameras are known before it is judged.
KNOWN: Final = 20
#: Of them, so many in a hundred may be mistakes of the identities: they don't lower the bound.
_OUTLIERS: Final = 5
#: A journey is impossible below this part of the fastest that were possible.
_PART: Final = 2


def learn(site: SiteState, start: str, end: str, took: int) -> None:
    """One more transition, ``took`` in milliseconds."""
    counts = site.travel.setdefault(key_of(start, end), {})
    step = min(took // STEP, _STEPS)
    counts[step] = counts.get(step, 0) + 1


def least(site: SiteState, rule: AlertRule, start: str, end: str) -> int | None:
    """Milliseconds that the way takes at least: as given (one way or the other), else half of what 95 of 100
    took; None while nobody knows."""
    given = {(a, b): ms for a, b, ms in rule.travel}
    told = given.get((start, end), given.get((end, start)))
    if told is not None or not rule.learn:
        return told
    # Nobody walks one way faster than the other: both together are known sooner.
    counts: dict[int, int] = {}
    for pair in (key_of(start, end), key_of(end, start)):
        for step, times in site.travel.get(pair, {}).items():
            counts[step] = counts.get(step, 0) + times
    total = sum(counts.values())
    if total < KNOWN:
        return None
    passed = 0
    for step in sorted(counts):
        passed += counts[step]
        if passed * 100 > total * _OUTLIERS:
            return step * STEP // _PART
    return None
