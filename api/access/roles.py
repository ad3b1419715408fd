"""Roles, who a caller is, and how a route says who may use it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, Literal, TypeVar

ALL_SITES: Final = "*"
#: Attribute of an endpoint that says who may use it.
_DECLARED: Final = "__access__"
F = TypeVar("F")


class Role(IntEnum):
    """Each may what the ones before it may. ``open``: of routes alone, for those who need to be nobody."""

    open = 0
    viewer = 1
    operator = 2
    admin = 3

    @classmethod
    def named(cls, name: str) -> "Role":
        """Raises `ValueError` for a name that is no caller's role."""
        found = cls.__members__.get(name)
        if not found:
            raise ValueError(f"role {name!r} is none of {', '.join(CALLER_ROLES)}")
        return found


CALLER_ROLES: Final = tuple(role.name for role in Role if role)


@dataclass(frozen=True, slots=True)
class Access:
    """What a route asks for. ``cost``: tokens that a request takes from its caller's bucket."""

    role: Role
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``key_id``: of an API key, empty for others. ``expires_at``: ms since the epoch at which the
    credential ends, None for one that does not. ``sites``: whose views it sees, `ALL_SITES` for all."""

    name: str
    role: Role
    sites: tuple[str, ...]
    kind: Literal["off", "nobody", "key", "token"]
    key_id: str = ""
    expires_at: int | None = None

    def may_see(self, site_id: str) -> bool:
        return site_id in self.sites or ALL_SITES in self.sites


NOBODY: Final = Caller("nobody", Role.open, (), "nobody")
#: Everybody, where access is off.
ANYBODY: Final = Caller("anonymous", Role.admin, (ALL_SITES,), "off")


def needs(role: Role, cost: int = 1) -> Callable[[F], F]:
    """Declares beside a route who may use it; a mounted application is declared the same way.

    What is not declared answers 403 to everybody, so that a new route is closed until somebody thought of it.
    """

    def declared(endpoint: F) -> F:
        setattr(endpoint, _DECLARED, Access(role, cost))
        return endpoint

    return declared


def access_of(endpoint: Any) -> Access | None:
    """None for an endpoint that declares nothing."""
    found: Access | None = getattr(endpoint, _DECLARED, None)
    return found
