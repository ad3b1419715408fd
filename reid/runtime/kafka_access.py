"""Where Kafka is and who we are there, as one value: it goes wherever the address goes."""

import ssl
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
_PORT: Final = 9092


@dataclass(frozen=True)
class Access:
    """What Kafka asks for before it answers. Neither password is in its ``repr``."""

    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism = "SCRAM-SHA-512"
    username: str = ""
    password: str = field(default="", repr=False)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: str = field(default="", repr=False)

    @property
    def tls(self) -> bool:
        return self.protocol.endswith("SSL")

    @property
    def sasl(self) -> bool:
        return self.protocol.startswith("SASL")

    @cached_property
    def config(self) -> dict[str, Any]:
        """As librdkafka calls it; empty where nothing is asked."""
        if self.protocol == "PLAINTEXT":
            return {}
        found: dict[str, Any] = {"security.protocol": self.protocol}
        if self.sasl:
            found |= {
                "sasl.mechanism": self.mechanism,
                "sasl.username": self.username,
                "sasl.password": self.password,
            }
        if self.tls:
            files = {
                "ssl.ca.location": self.ca,
                "ssl.certificate.location": self.certificate,
                "ssl.key.location": self.key,
            }
            found |= {name: str(path) for name, path in files.items() if path is not None}
            if self.key_password:
                found["ssl.key.password"] = self.key_password
        return found

    def context(self) -> ssl.SSLContext:
        """The same for Python's own TLS. Raises `OSError` (``ssl.SSLError``) for files that are no PEM."""
        made = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            # Never None: OpenSSL would ask for the password of an encrypted key on the terminal.
            made.load_cert_chain(self.certificate, self.key, self.key_password)
        return made


class Address(str):
    """``host:port[,host:port…]`` with our access there. A plain ``str`` is an address that asks nothing."""

    access: Access

    def __new__(cls, servers: str, access: Access) -> "Address":
        made = super().__new__(cls, servers)
        made.access = access
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """To processes of our own, through a pipe."""
        return Address, (str(self), self.access)


def access_of(bootstrap: str) -> Access:
    return bootstrap.access if isinstance(bootstrap, Address) else Access()


def client_config(bootstrap: str) -> dict[str, Any]:
    """What every librdkafka client begins with."""
    return {"bootstrap.servers": str(bootstrap), **access_of(bootstrap).config}


def servers_of(bootstrap: str) -> list[tuple[str, int]]:
    """Host and port of each. Those that can't be read are left out: the clients say so."""
    found = []
    for server in bootstrap.split(","):
        host, _, port = server.strip().rpartition("://")[2].rpartition(":")
        if host and port.isdigit():
            found.append((host.strip("[]"), int(port)))
        elif port:
            found.append((port.strip("[]"), _PORT))
    return found
