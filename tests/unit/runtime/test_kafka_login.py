"""What the settings make of a Kafka that asks who one is; no Kafka is asked."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.options import environment_of, settings_from
from deploy.preflight import preflight
from reid.errors import ConfigError
from reid.runtime.kafka_access import Access, Address, access_of, client_config, servers_of
from reid.runtime.settings import Settings

MakeSettings = Callable[..., Settings]
WHO = {
    "kafka_bootstrap_servers": "kafka:9093",
    "kafka_security_protocol": "SASL_PLAINTEXT",
    "kafka_username": "desk",
}


def test_where_nothing_is_asked_a_client_is_told_the_address_alone(make_settings: MakeSettings) -> None:
    assert client_config(make_settings(kafka_bootstrap_servers="kafka:9092").kafka()) == {
        "bootstrap.servers": "kafka:9092"
    }
    assert client_config("kafka:9092") == {"bootstrap.servers": "kafka:9092"}


def test_access_goes_wherever_the_address_goes_and_shows_no_password(make_settings: MakeSettings) -> None:
    settings = make_settings(**WHO, kafka_password="s3cret", kafka_sasl_mechanism="plain")
    address = pickle.loads(pickle.dumps(settings.kafka()))
    assert address == "kafka:9093" and f"at {address}" == "at kafka:9093"
    assert client_config(address) == {
        "bootstrap.servers": "kafka:9093",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "desk",
        "sasl.password": "s3cret",
    }
    for shown in (settings, address, access_of(address), Access(key_password="s3cret")):
        assert "s3cret" not in repr(shown) + str(shown)


@pytest.mark.parametrize("written", ["s3cret", "s3cret\n", "s3cret\r\n"])
def test_a_password_may_stand_in_a_file(make_settings: MakeSettings, tmp_path: Path, written: str) -> None:
    (tmp_path / "secret").write_bytes(written.encode())
    settings = make_settings(**WHO, kafka_password_file=tmp_path / "secret")
    assert settings.kafka_access().password == "s3cret"


def test_a_child_process_gets_the_password_itself(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a secret pydantic writes stars."""
    settings = make_settings(**WHO, kafka_password="s3cret")
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings and Settings().kafka_access() == settings.kafka_access()


def test_a_variable_that_is_set_to_nothing_is_unset(make_settings: MakeSettings) -> None:
    nothing = dict.fromkeys(("username", "password", "password_file", "ca_file", "key_password"), "")
    settings = make_settings(**{f"kafka_{name}": value for name, value in nothing.items()})
    assert settings.kafka_access() == Access()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kafka_security_protocol": "SASL_SSL"}, "set SAFEROOM_KAFKA_USERNAME and SAFEROOM_KAFKA_PASSWORD"),
        (WHO, "set SAFEROOM_KAFKA_USERNAME and SAFEROOM_KAFKA_PASSWORD"),
        ({"kafka_password": "s3cret"}, "SAFEROOM_KAFKA_PASSWORD is not used while .* is PLAINTEXT: set"),
        ({"kafka_username": "desk"}, "SAFEROOM_KAFKA_USERNAME is not used while .* is PLAINTEXT: set"),
        ({"kafka_ca_file": "here"}, "SAFEROOM_KAFKA_CA_FILE is not used while .* is PLAINTEXT: set"),
        ({"kafka_security_protocol": "SSL", "kafka_key_file": "here"}, "set SAFEROOM_KAFKA_CERTIFICATE_FILE"),
        ({"kafka_security_protocol": "SSL", "kafka_ca_file": "here"}, "CA_FILE=.*: no PEM file of a CA"),
        (
            {"kafka_security_protocol": "SSL", "kafka_ca_file": "gone"},
            "CA_FILE=.*gone is no file that can be",
        ),
        (
            {
                "kafka_security_protocol": "SSL",
                "kafka_certificate_file": "here",
                "kafka_key_file": "here",
                "kafka_key_password": "s3cret",
            },
            "are not a certificate and its key in PEM",
        ),
        ({**WHO, "kafka_password_file": "gone"}, "PASSWORD_FILE=.*gone is no file that can be read"),
        ({**WHO, "kafka_password_file": "empty"}, "PASSWORD_FILE=.*empty is empty"),
        ({**WHO, "kafka_password_file": "here", "kafka_password": "s3cret"}, "are both set: unset one"),
    ],
)
def test_what_does_not_go_together_is_refused_by_name(
    make_settings: MakeSettings, tmp_path: Path, given: dict[str, str], told: str
) -> None:
    (tmp_path / "here").write_text("s3cret-file")
    (tmp_path / "empty").write_text("\n")
    files = {name: tmp_path / value if name.endswith("_file") else value for name, value in given.items()}
    settings = make_settings(**{"kafka_bootstrap_servers": "kafka:9093", **files})
    with pytest.raises(ConfigError, match=told) as refused:
        settings.kafka()
    assert "s3cret" not in str(refused.value)


def test_a_wrong_setting_beside_a_password_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFEROOM_KAFKA_PASSWORD", "s3cret")
    monkeypatch.setenv("SAFEROOM_KAFKA_SECURITY_PROTOCOL", "TLS")
    with pytest.raises(ConfigError, match="SAFEROOM_KAFKA_SECURITY_PROTOCOL=TLS") as refused:
        settings_from()
    assert "s3cret" not in str(refused.value)


def test_the_embedded_kafka_is_not_started_for_who_wants_tls(make_settings: MakeSettings) -> None:
    with pytest.raises(ConfigError, match="set KAFKA_BOOTSTRAP_SERVERS to your own"):
        preflight(make_settings(kafka_security_protocol="SSL"))


def test_servers_are_read_as_clients_read_them() -> None:
    given = "kafka:9093, SASL_SSL://other:1 ,[::1]:9092,alone"
    assert servers_of(given) == [("kafka", 9093), ("other", 1), ("::1", 9092), ("alone", 9092)]
    assert access_of(Address("kafka:1", Access("SSL"))).tls and not access_of("kafka:1").tls
