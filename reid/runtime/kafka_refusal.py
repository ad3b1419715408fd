"""Why a Kafka that is there does not answer us, and which setting mends that.

librdkafka tells a refused password and an unknown CA, and of all else only that brokers are down: also when
it speaks plain text to a TLS port, or no SASL where SASL is asked for. So the listener is asked itself, in
the one question of Kafka's protocol that every kind of listener answers, SaslHandshake.
"""

import socket
import ssl
import struct
import time
from typing import Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from reid.errors import ConfigError, ReidError, Unavailable
from reid.runtime.kafka_access import Access, access_of, client_config, servers_of

PROTOCOL: Final = "SAFEROOM_KAFKA_SECURITY_PROTOCOL"
USER: Final = "SAFEROOM_KAFKA_USERNAME and SAFEROOM_KAFKA_PASSWORD (or SAFEROOM_KAFKA_PASSWORD_FILE)"
CA: Final = "SAFEROOM_KAFKA_CA_FILE"
CERTIFICATE: Final = "SAFEROOM_KAFKA_CERTIFICATE_FILE and SAFEROOM_KAFKA_KEY_FILE"
_LOOK_S: Final = 2.0
#: Kafka delays its answer to a wrong password; a busy machine delays it more.
_LOGIN_S: Final = 5.0
_CORRELATION: Final = 0x5AFE
#: SaslHandshake, version 1, of nobody, for the mechanism PLAIN.
_QUESTION: Final = struct.pack(">hhih", 17, 1, _CORRELATION, -1) + struct.pack(">h5s", 5, b"PLAIN")
_NO_SASL_HERE: Final = 34
#: It lets us in, and the user may not do what was asked for.
_FORBIDDEN: Final = frozenset(
    {
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
_MOST_BYTES: Final = 10_000
#: OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH.
_OTHER_NAME: Final = (62, 64)


class _Spoken(NamedTuple):
    """What a listener speaks. ``mechanisms``: of SASL; empty: it asks for none; None: it did not say."""

    tls: bool
    mechanisms: tuple[str, ...] | None


def away(bootstrap: str, error: KafkaException | TimeoutError) -> ReidError:
    """What to raise for a Kafka that did not answer: `ConfigError` where it refuses us, else
    `Unavailable`."""
    cause = error.args[0] if error.args else None
    if isinstance(cause, KafkaError) and cause.code() in _FORBIDDEN:
        user = access_of(bootstrap).username or "this client"
        return ConfigError(
            f"Kafka at {bootstrap} does not let {user} do that ({cause.str()}): give it the rights that "
            "docs/security.md names"
        )
    refused = refusal(bootstrap)
    if refused is not None:
        return refused
    return Unavailable(
        f"Kafka at {bootstrap} does not answer ({reason(error)}): start it with `saferoom up`, "
        "or correct KAFKA_BOOTSTRAP_SERVERS"
    )


def refuse(bootstrap: str) -> None:
    """Before a process begins that waits for a Kafka that is away: raises `ConfigError` where it is there and
    does not let us in."""
    if (refused := refusal(bootstrap)) is not None:
        raise refused


def reason(error: BaseException) -> str:
    cause = error.args[0] if error.args else None
    return cause.str() if isinstance(cause, KafkaError) else str(error)


def refusal(bootstrap: str) -> ConfigError | None:
    """Why we are not let in; None: we are, or Kafka is away, which is transient. Blocks some seconds at most,
    some milliseconds where all is well and no user is asked for."""
    access = access_of(bootstrap)
    for host, port in servers_of(bootstrap):
        try:
            spoken = _spoken(host, port)
            found = None if spoken is None else _differs(host, port, spoken, access)
            if spoken is not None and found is None and access.tls:
                found = _untrusted(host, port, access)
        except OSError:
            continue
        if found is not None:
            return ConfigError(f"Kafka at {host}:{port} {found}")
        if spoken is not None:
            return _not_logged_in(bootstrap, access) if access.sasl else None
    return None


def _differs(host: str, port: int, spoken: _Spoken, access: Access) -> str | None:
    """Between what the listener speaks and what the settings say."""
    kind = ("SASL_" if spoken.mechanisms else "") + ("SSL" if spoken.tls else "PLAINTEXT")
    user = f", and {USER}" if spoken.mechanisms and not access.sasl else ""
    if spoken.tls != access.tls:
        what = "speaks TLS" if spoken.tls else "speaks no TLS"
        known = spoken.mechanisms is not None
        wanted = kind if known else "SSL or SASL_SSL"
        return f"{what}, and {PROTOCOL} is {access.protocol}: set it to {wanted}{user}"
    if spoken.mechanisms is None:
        return None
    names = ", ".join(spoken.mechanisms)
    if spoken.mechanisms and not access.sasl:
        return f"asks for a user ({names}), and {PROTOCOL} is {access.protocol}: set it to {kind}{user}"
    if access.sasl and not spoken.mechanisms:
        return f"asks for no user, and {PROTOCOL} is {access.protocol}: set it to {kind}"
    if access.sasl and access.mechanism not in spoken.mechanisms:
        return (
            f"knows the SASL mechanisms {names}, not {access.mechanism}: set SAFEROOM_KAFKA_SASL_MECHANISM "
            "to one of them"
        )
    return None


def _untrusted(host: str, port: int, access: Access) -> str | None:
    """What is wrong with the certificates, its or ours."""
    try:
        with (
            socket.create_connection((host, port), _LOOK_S) as plain,
            access.context().wrap_socket(plain, server_hostname=host) as wrapped,
        ):
            # TLS 1.3 refuses a client's certificate after the handshake.
            _ask(wrapped)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in _OTHER_NAME:
            return (
                f"shows a certificate of another name ({error.verify_message}): "
                "correct KAFKA_BOOTSTRAP_SERVERS to a name that stands in it"
            )
        trusted = access.ca or "the CAs of this system"
        return (
            f"shows a certificate that {trusted} does not vouch for ({error.verify_message}): set {CA} to "
            "the PEM file of the CA that does"
        )
    except ssl.SSLError as error:
        ours = "refuses our certificate" if access.certificate else "asks for a client's certificate"
        verb = "correct" if access.certificate else "set"
        return f"{ours} ({error.reason}): {verb} {CERTIFICATE}"
    return None


def _not_logged_in(bootstrap: str, access: Access) -> ConfigError | None:
    told: list[KafkaError] = []
    config = {**client_config(bootstrap), "log_level": 0, "error_cb": told.append}
    client = AdminClient(config)
    deadline = time.monotonic() + _LOGIN_S
    while time.monotonic() < deadline:
        try:
            client.list_topics(timeout=0.5)
            return None
        except KafkaException:
            client.poll(0.1)
        if any(error.code() == KafkaError._AUTHENTICATION for error in told):
            return ConfigError(
                f"Kafka at {bootstrap} refuses user {access.username} by {access.mechanism}: correct {USER}"
            )
    return None


def _spoken(host: str, port: int) -> _Spoken | None:
    """None: it is silent, as one that is frozen or just starting. Raises `OSError`."""
    with socket.create_connection((host, port), _LOOK_S) as plain:
        try:
            mechanisms = _ask(plain)
        except TimeoutError:
            mechanisms = None
        except OSError:  # reset: as TLS does to what is none
            mechanisms = None
    if mechanisms is not None:
        return _Spoken(False, mechanisms)
    # Whom to trust is not the question here.
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, port), _LOOK_S) as plain:
        try:
            wrapped = anybody.wrap_socket(plain)
        except OSError as error:
            # It may speak TLS, and refuse who shows no certificate.
            refused = isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or "")
            return _Spoken(True, None) if refused else None
        with wrapped:
            try:
                return _Spoken(True, _ask(wrapped))
            except OSError:
                return _Spoken(True, None)


def _ask(connection: socket.socket) -> tuple[str, ...] | None:
    """The mechanisms; None: no answer of Kafka's. Raises `OSError`."""
    connection.sendall(struct.pack(">i", len(_QUESTION)) + _QUESTION)
    head = _exactly(connection, 4)
    size = struct.unpack(">i", head)[0] if len(head) == 4 else -1
    if not 10 <= size <= _MOST_BYTES:
        return None
    body = _exactly(connection, size)
    if len(body) < size:
        return None
    correlation, code, count = struct.unpack_from(">ihi", body)
    if correlation != _CORRELATION:
        return None
    if code == _NO_SASL_HERE:
        return ()
    names, at = [], 10
    for _ in range(count):
        length = struct.unpack_from(">h", body, at)[0]
        names.append(body[at + 2 : at + 2 + length].decode(errors="replace"))
        at += 2 + length
    return tuple(sorted(names))


def _exactly(connection: socket.socket, size: int) -> bytes:
    """Fewer where the other side closed."""
    found = b""
    while len(found) < size and (more := connection.recv(size - len(found))):
        found += more
    return found
