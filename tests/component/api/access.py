"""An API that asks who may, and credentials for it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from api.access.keys import KeyFile
from reid.runtime.settings import Settings
from tests.component.api.world import World
from tests.unit.projections.story import START, walk

ISSUER: Final = "https://login.example"
AUDIENCE: Final = "saferoom"
ROLES: Final = ("viewer", "operator", "admin")


def guarded(home: Path, **settings: Any) -> tuple[World, dict[str, str]]:
    """The world with a key of each role for its site, and ``elsewhere``: an admin's of another."""
    made = Settings(home=home, api_port=0, **{"command_timeout": 1.0, "rate_limit": 0.0, **settings})
    file = KeyFile(made.keys_path)
    keys = {role: file.create(role, role, ("global",), START)[1] for role in ROLES}
    keys["elsewhere"] = file.create("elsewhere", "admin", ("annex",), START)[1]
    world = World(made)
    world.happens(*walk("a", 0, "Visitor-A", "room1", "room2"), *walk("b", 1, "Visitor-B", "room3"))
    return world, keys


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


class Provider:
    """An identity provider: signs tokens, and writes the keys that it publishes."""

    def __init__(self, kid: str = "k1") -> None:
        self.kid, self._key = kid, ec.generate_private_key(ec.SECP256R1())

    def jwks(self) -> str:
        public: Any = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key()))
        return json.dumps({"keys": [public | {"kid": self.kid, "use": "sig", "alg": "ES256"}]})

    def token(self, now_s: float, claims: Mapping[str, Any] | None = None, **changed: Any) -> str:
        said = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "someone",
            "exp": now_s + 600,
            "saferoom_role": "operator",
            "saferoom_sites": ["global"],
        }
        said |= {**(claims or {}), **changed}
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(kept, self._key, "ES256", headers={"kid": self.kid})
