"""A real Kafka that asks who one is: beside the plain listener one of each other kind, with its own CA."""

import datetime
import ipaddress
from pathlib import Path
from typing import Final, NamedTuple

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reid.runtime.admin import admin_client
from reid.runtime.servers import ports
from reid.runtime.servers.kafka import EmbeddedKafka

USER: Final = "saferoom"
#: Characters that a URL, a properties file or a shell would read otherwise.
PASSWORD: Final = "s3cret:/@ %#1"
_JAAS: Final = "org.apache.kafka.common.security"


#: What the product needs of a Kafka that lets its user do nothing else (docs/security.md): for all of its
#: resources whose names begin so.
RIGHTS: Final = {
    (ResourceType.TOPIC, "reid."): ("CREATE", "DESCRIBE", "DESCRIBE_CONFIGS", "READ", "WRITE"),
    (ResourceType.GROUP, "saferoom"): ("READ",),
    (ResourceType.TRANSACTIONAL_ID, "saferoom"): ("WRITE",),
}


class Certificate(NamedTuple):
    """PEM files."""

    certificate: Path
    key: Path


class Authority:
    """A CA of our own."""

    def __init__(self, directory: Path, name: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory, self._name = directory, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _named(name)
        self.certificate = directory / f"{name}.pem"
        made = self._signed(self._subject, self._key.public_key(), authority=True)
        self.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> Certificate:
        """For whoever is ``name``, on loopback."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._signed(_named(name), key.public_key(), authority=False)
        found = Certificate(self._directory / f"{name}.crt", self._directory / f"{name}.key")
        found.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        found.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return found

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, authority: bool
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        here = x509.IPAddress(ipaddress.ip_address(ports.LOOPBACK))
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([here, x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        return made.sign(self._key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class SecuredKafka(EmbeddedKafka):
    """``addresses``: by listener. SASL and SASL_TLS take PLAIN and both SCRAMs, TLS no user, MUTUAL only
    who has a certificate of ``authority``."""

    def __init__(self, home: Path, jars: Path) -> None:
        super().__init__(home, jars=jars)
        self.authority = Authority(home / "pki", "authority")
        self._pem = home / "pki" / "broker.pem"
        broker = self.authority.issue("broker")
        self._pem.write_bytes(broker.key.read_bytes() + broker.certificate.read_bytes())
        names = ("SASL", "SASL_TLS", "TLS", "MUTUAL")
        chosen = ports.choose(len(names))
        self.addresses = {name: f"{ports.LOOPBACK}:{port}" for name, port in zip(names, chosen, strict=True)}

    def add_user(self) -> None:
        """PLAIN has it in the listener's properties; SCRAM's stand in the cluster."""
        changes = [
            UserScramCredentialUpsertion(USER, ScramCredentialInfo(mechanism, 4096), PASSWORD.encode())
            for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)
        ]
        client = admin_client(self.bootstrap)
        # One after another: of one user a request takes one change.
        for change in changes:
            for future in client.alter_user_scram_credentials([change]).values():  # type: ignore[no-untyped-call]
                future.result(15)

    def give_rights(self) -> None:
        """To the user, and to whoever has a certificate of our CA."""
        bindings = [
            AclBinding(
                kind,
                prefix,
                ResourcePatternType.PREFIXED,
                f"User:{name}",
                "*",
                AclOperation[operation],
                AclPermissionType.ALLOW,
            )
            for (kind, prefix), operations in RIGHTS.items()
            for operation in operations
            for name in (USER, "CN=camera")
        ]
        client = admin_client(self.bootstrap)
        for future in client.create_acls(bindings).values():  # type: ignore[no-untyped-call]
            future.result(15)

    def _write_properties(self, broker_port: int, controller_port: int) -> Path:
        path = super()._write_properties(broker_port, controller_port)
        lines = []
        for line in path.read_text().splitlines():
            key, _, value = line.partition("=")
            more = {
                "listeners": [f"{name}://{address}" for name, address in self.addresses.items()],
                "advertised.listeners": [f"{name}://{address}" for name, address in self.addresses.items()],
                "listener.security.protocol.map": [
                    "SASL:SASL_PLAINTEXT",
                    "SASL_TLS:SASL_SSL",
                    "TLS:SSL",
                    "MUTUAL:SSL",
                ],
            }.get(key, [])
            lines.append(f"{key}={','.join([value, *more])}")
        lines += [f"{key}={value}" for key, value in self._secured().items()]
        path.write_text("\n".join(lines) + "\n")
        return path

    def _secured(self) -> dict[str, str]:
        found = {
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._pem),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.certificate),
            "listener.name.mutual.ssl.client.auth": "required",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            # The broker itself, and the tests.
            "super.users": "User:ANONYMOUS",
        }
        for name in ("sasl", "sasl_tls"):
            found[f"listener.name.{name}.plain.sasl.jaas.config"] = (
                f'{_JAAS}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
            )
            for mechanism in ("scram-sha-256", "scram-sha-512"):
                found[f"listener.name.{name}.{mechanism}.sasl.jaas.config"] = (
                    f"{_JAAS}.scram.ScramLoginModule required;"
                )
        return found
