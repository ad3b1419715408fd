"""Kafka's absence is told by `reid.runtime.outage`, and by nobody else."""

import logging


def quieten(level: int) -> None:
    """aiokafka tells a broker's absence forty times a second; `Outage` tells it once."""
    if level > logging.DEBUG:
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
