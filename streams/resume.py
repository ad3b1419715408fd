"""Where a writer goes on reading, and whether its topics are still those that it wrote and read."""

import logging

from reid.errors import ConfigError
from streams.ports import Span
from streams.route import Route

logger = logging.getLogger(__name__)


def prove_tip(route: Route, partition: int, decided: int, tip: int) -> None:
    """``decided``: offset of the last event when inputs were decided last; ``tip``: of the last one there is.
    Raises `ConfigError` when the output topic was made anew."""
    if decided > tip:
        raise ConfigError(
            f"{route.output.name}/{partition} ends at event {tip}, but inputs were decided up "
            f"to event {decided}: the topic was made anew. Restore it; or, to decide all inputs that "
            f"are still there anew, delete the consumer group {route.group}"
        )


def resume(topic: str, partition: int, after: int, span: Span) -> int:
    """Next offset to decide. ``after``: as the log tells. Raises `ConfigError` when the input topic was made
    anew."""
    if after > span.high:
        raise ConfigError(
            f"{topic}/{partition} ends at offset {span.high}, but inputs up to {after} were "
            "decided: the topic was made anew. Make the events topic anew too, or restore the inputs"
        )
    if after < span.low:
        if after:
            logger.error(
                "%s/%d: %d inputs were deleted by retention before they were decided",
                topic,
                partition,
                span.low - after,
            )
        return span.low
    return after
