"""`Access` from the settings: what does not go together is refused before any client is made."""

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reid.errors import ConfigError
from reid.runtime.kafka_access import Access

if TYPE_CHECKING:
    from reid.runtime.settings import Settings

_PREFIX: Final = "SAFEROOM_KAFKA_"
_PROTOCOL: Final = f"{_PREFIX}SECURITY_PROTOCOL"
_PASSWORD: Final = f"{_PREFIX}PASSWORD"
#: A secret is a line. What is larger is another file.
_MOST_BYTES: Final = 10_000


def access_from(settings: "Settings") -> Access:
    """Raises `ConfigError`. No message holds a password, or what stands in a file."""
    access = Access(
        settings.kafka_security_protocol,
        settings.kafka_sasl_mechanism,
        settings.kafka_username or "",
        _password(settings),
        _file("CA_FILE", settings.kafka_ca_file),
        _file("CERTIFICATE_FILE", settings.kafka_certificate_file),
        _file("KEY_FILE", settings.kafka_key_file),
        settings.kafka_key_password.get_secret_value() if settings.kafka_key_password else "",
    )
    _refuse_unused(access)
    if access.sasl and not (access.username and access.password):
        raise ConfigError(
            f"{_PROTOCOL} is {access.protocol}, which takes a user: set {_PREFIX}USERNAME and {_PASSWORD} "
            f"(or {_PASSWORD}_FILE)"
        )
    if (access.certificate is None) != (access.key is None):
        there, missing = ("CERTIFICATE", "KEY") if access.key is None else ("KEY", "CERTIFICATE")
        raise ConfigError(f"{_PREFIX}{there}_FILE goes with its other half: set {_PREFIX}{missing}_FILE too")
    if access.tls:
        _refuse_unreadable(access)
    return access


def _refuse_unused(access: Access) -> None:
    """Who set a password or a CA and is not asked for them believes to be safer than they are."""
    given = {"USERNAME": access.username, "PASSWORD": access.password}
    if not access.sasl and (names := [name for name, value in given.items() if value]):
        raise _unused(names[0], access, "SASL_SSL" if access.tls else "SASL_SSL, or SASL_PLAINTEXT")
    files = {"CA_FILE": access.ca, "CERTIFICATE_FILE": access.certificate, "KEY_FILE": access.key}
    if not access.tls and (names := [name for name, value in files.items() if value]):
        raise _unused(names[0], access, "SASL_SSL" if access.sasl else "SSL, or SASL_SSL")


def _unused(name: str, access: Access, wanted: str) -> ConfigError:
    return ConfigError(
        f"{_PREFIX}{name} is not used while {_PROTOCOL} is {access.protocol}: set that "
        f"to {wanted}, or unset this"
    )


def _refuse_unreadable(access: Access) -> None:
    """Before librdkafka does, in words of its own, and without a name."""
    try:
        ssl.create_default_context(cafile=access.ca)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{_PREFIX}CA_FILE={access.ca}: no PEM file of a CA ({_why(error)}): correct it"
        ) from error
    try:
        access.context()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{_PREFIX}CERTIFICATE_FILE and {_PREFIX}KEY_FILE are not a certificate and its key in PEM, or "
            f"{_PREFIX}KEY_PASSWORD is not the key's ({_why(error)}): correct them"
        ) from error


def _why(error: Exception) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else None) or type(error).__name__


def _password(settings: "Settings") -> str:
    given = settings.kafka_password.get_secret_value() if settings.kafka_password else ""
    path = _file("PASSWORD_FILE", settings.kafka_password_file)
    if path is None:
        return given
    if given:
        raise ConfigError(f"{_PASSWORD} and {_PASSWORD}_FILE are both set: unset one of them")
    try:
        # Editors and `echo` end a file with a line break, which belongs to no password.
        found = path.read_bytes()[:_MOST_BYTES].decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{_PASSWORD}_FILE={path} holds no text ({type(error).__name__}): correct it"
        ) from error
    if not found:
        raise ConfigError(f"{_PASSWORD}_FILE={path} is empty: write the password into it")
    return found


def _file(name: str, path: Path | None) -> Path | None:
    if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
        raise ConfigError(f"{_PREFIX}{name}={path} is no file that can be read: correct it, or its owner")
    return path
