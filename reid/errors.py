"""Every error this product raises on purpose.

::

    ReidError
    ├── ConfigError        a setting, file or address is wrong: names it and the remedy
    ├── ContractError      a message breaks the contract of its topic
    │   ├── Malformed          not JSON, or not of the schema
    │   ├── UnknownType        a type name that no reader here knows
    │   └── TooNew             a newer major version than this reader's
    ├── PoisonInput        well formed, but can never be decided on (NaN, zero or wrong-sized embedding)
    ├── FencedOut          another writer has taken this partition over: stop, never retry
    ├── CommitHung         a transaction neither ended nor failed in its time: only a new process can tell
    ├── StaleView          a view's position is newer than the batch that was to be applied
    └── Unavailable        Kafka, Redis, a camera is away: transient, retry with back-off

Transient or poison is a type, never a string to be matched.
"""


class ReidError(Exception):
    """Base of all errors raised on purpose."""


class ConfigError(ReidError):
    """A setting, file or address is wrong. The message names the thing and the remedy."""


class ContractError(ReidError):
    """A message breaks the contract of its topic."""


class Malformed(ContractError):
    """Not JSON, or JSON that is not of the topic's schema."""


class UnknownType(ContractError):
    """A message type that this reader does not know."""


class TooNew(ContractError):
    """A newer major version of a known type: upgrade this reader."""


class PoisonInput(ReidError):
    """Well formed, but impossible to decide on; goes to the dead-letter topic."""


class FencedOut(ReidError):
    """Another writer owns this partition now. Drop the state; never retry."""


class CommitHung(ReidError):
    """A transaction neither ended nor failed, beyond its own time-outs. Its producer is of no more use."""


class StaleView(ReidError):
    """The view already holds a position at or past this batch."""


class Unavailable(ReidError):
    """A server or camera is away. Transient: retry with back-off."""
