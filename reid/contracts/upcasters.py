"""What older messages are called and look like today, one small step after another.

A message of a type that no reader knows any more is brought up to date before it is decoded: each step takes
the plain JSON object of one version to the next. Steps are in order of age, so one pass suffices. A step may
only use what the message itself says; it must never be changed once messages of its version are in a log.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

Plain = dict[str, Any]


class Upcaster(NamedTuple):
    """``step`` gives the object of type ``target``; ``type`` itself is set for it."""

    source: str
    target: str
    step: Callable[[Plain], Plain]


def _policy_adopted(old: Plain) -> Plain:
    """What a policy of version 1 left unsaid was said by its defaults."""
    return {**old, "policy": {"rule": 1, "look_weight": 6.0, **old["policy"]}}


def _policy_adopted_2(old: Plain) -> Plain:
    """Version 2 left the form of the rule unsaid where it was 2."""
    return {**old, "policy": {"rule": 2, **old["policy"]}}


#: Every step there ever was, the oldest first.
UPCASTERS: Final[tuple[Upcaster, ...]] = (
    Upcaster("reid.policy.adopted.v1", "reid.policy.adopted.v2", _policy_adopted),
    Upcaster("reid.policy.adopted.v2", "reid.policy.adopted.v3", _policy_adopted_2),
)


def upcast(message: Plain, steps: Sequence[Upcaster]) -> Plain:
    """``message`` as its newest version. What a step raises on a broken message passes."""
    for source, target, step in steps:
        if message.get("type") == source:
            message = {**step(dict(message)), "type": target}
    return message
