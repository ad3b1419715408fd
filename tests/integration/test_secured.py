"""A Kafka that asks who one is, by TLS and SASL: everything gets in, and who does not is told why."""

import dataclasses
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.server import run as run_api
from deploy import log, past_server
from producers.run import CameraSpec
from producers.run import run as run_cameras
from projections.projector import run as run_projector
from reid.contracts.topics import EVENTS
from reid.errors import ConfigError
from reid.runtime import admin, doctor
from reid.runtime.admin import create_topics, list_topics
from reid.runtime.doctor import check_kafka
from reid.runtime.kafka_access import Access, Address
from reid.runtime.kafka_refusal import refusal
from reid.runtime.settings import Settings
from streams.alerting.process import run as run_alerts
from streams.worker import run as run_worker
from streams.zones.process import run as run_zones
from tests.integration.processes import ROOT
from tests.integration.secured import PASSWORD, USER, Authority, SecuredKafka

pytestmark = pytest.mark.integration
ALERTS = ROOT / "deploy" / "demo_alerts.yaml"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, kafka_jars: Path) -> Iterator[SecuredKafka]:
    with SecuredKafka(tmp_path_factory.mktemp("secured"), kafka_jars) as server:
        server.add_user()
        server.give_rights()
        yield server


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """As editors and `echo` write it."""
    path = tmp_path / "secret"
    path.write_text(f"{PASSWORD}\n")
    return path


@pytest.fixture
def ours(
    make_settings: Callable[..., Settings], secured: SecuredKafka, secret: Path, clean_redis: str
) -> Settings:
    return make_settings(
        kafka_bootstrap_servers=secured.addresses["SASL_TLS"],
        redis_url=clean_redis,
        kafka_security_protocol="sasl_ssl",
        kafka_username=USER,
        kafka_password_file=secret,
        kafka_ca_file=secured.authority.certificate,
    )


def saferoom(settings: Settings, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """As an operator runs it, set up by variables alone."""
    own = {
        "SAFEROOM_HOME": str(settings.home),
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka(),
        "SAFEROOM_KAFKA_SECURITY_PROTOCOL": settings.kafka_security_protocol,
        "SAFEROOM_KAFKA_USERNAME": USER,
        "SAFEROOM_KAFKA_PASSWORD_FILE": str(settings.kafka_password_file),
        "SAFEROOM_KAFKA_CA_FILE": str(settings.kafka_ca_file),
        "REDIS_URL": settings.redis(),
    }
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        cwd=ROOT,
        env=os.environ | own | more,
        capture_output=True,
        text=True,
        timeout=180,
    )


def test_the_whole_product_works_on_it_and_its_password_stands_nowhere(
    ours: Settings, tmp_path: Path
) -> None:
    found = tmp_path / "found.json"
    demo = saferoom(
        ours,
        *("demo", "--duration", "8", "--no-live", "--detector", "truth", "--people", "6", "--cameras", "1"),
        *("--port", "0", "--json", str(found)),
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    report = json.loads(found.read_text())
    assert report["ids_given"] and report["lag"]["view_settled"] == 0
    written = [path.read_text(errors="replace") for path in ours.home.rglob("*") if path.is_file()]
    assert not any(PASSWORD in text for text in (demo.stdout, demo.stderr, *written))
    logs = {path.stem: path.read_text() for path in (ours.home / "logs").glob("*.log")}
    assert {"worker", "projector", "past", "api", "cameras"} <= logs.keys()
    assert not [name for name, text in logs.items() if "ERROR" in text or "Traceback" in text]


def test_a_right_that_the_user_lacks_is_told(ours: Settings) -> None:
    other = dataclasses.replace(EVENTS, name="other")
    with pytest.raises(ConfigError, match=r"does not let saferoom do that .*docs/security.md"):
        create_topics(ours.kafka(), 1, 1, [other])


RUNS: dict[str, Callable[[Settings], Any]] = {
    "worker": run_worker,
    "projector": run_projector,
    "api": run_api,
    "past": past_server.run,
    "camera": lambda settings: run_cameras([CameraSpec("room1", "sim://")], settings),
    "alerts": lambda settings: run_alerts(settings.model_copy(update={"alerts": ALERTS})),
    "zones": run_zones,
    "topics": lambda settings: create_topics(settings.kafka(), 1, 1),
    "log": lambda settings: list(log.read_all(settings.kafka(), EVENTS.name)),
}


@pytest.mark.parametrize("part", RUNS)
def test_a_wrong_password_was_asked_again_and_again_in_silence(
    part: str, ours: Settings, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (admin, log):
        monkeypatch.setattr(module, "_TIMEOUT_S", 0.5)
    secret.write_text("another")
    with pytest.raises(ConfigError) as refused:
        RUNS[part](ours)
    assert "refuses user saferoom" in str(refused.value)
    assert "SAFEROOM_KAFKA_PASSWORD" in str(refused.value) and "another" not in str(refused.value)


def test_the_doctor_tells_how_it_got_in_and_why_not(
    ours: Settings, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_TIMEOUT_S", 2.0)
    assert check_kafka(ours).ok and "SASL_SSL" in check_kafka(ours).detail
    secret.write_text("another")
    check = check_kafka(ours)
    assert not check.ok and "refuses user saferoom" in check.detail
    assert check.remedy.startswith("correct SAFEROOM_KAFKA_USERNAME") and "another" not in str(check)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("listener", ["SASL", "SASL_TLS"])
def test_every_mechanism_lets_us_in(listener: str, mechanism: Any, secured: SecuredKafka) -> None:
    tls = listener == "SASL_TLS"
    access = Access(
        "SASL_SSL" if tls else "SASL_PLAINTEXT",
        mechanism,
        USER,
        PASSWORD,
        secured.authority.certificate if tls else None,
    )
    address = pickle.loads(pickle.dumps(Address(secured.addresses[listener], access)))
    list_topics(address)
    assert refusal(address) is None


def test_who_has_a_certificate_of_our_ca_gets_in(secured: SecuredKafka, tmp_path: Path) -> None:
    address, ca = secured.addresses["MUTUAL"], secured.authority.certificate
    mine, foreign = secured.authority.issue("camera"), Authority(tmp_path, "other").issue("camera")
    list_topics(Address(address, Access("SSL", ca=ca, certificate=mine.certificate, key=mine.key)))
    nobody = refusal(Address(address, Access("SSL", ca=ca)))
    assert "set SAFEROOM_KAFKA_CERTIFICATE_FILE" in str(nobody)
    other = refusal(Address(address, Access("SSL", ca=ca, certificate=foreign.certificate, key=foreign.key)))
    assert "correct SAFEROOM_KAFKA_CERTIFICATE_FILE" in str(other)


@pytest.mark.parametrize(
    ("protocol", "listener", "told"),
    [
        ("PLAINTEXT", "SASL", "asks for a user (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512)"),
        ("PLAINTEXT", "TLS", "speaks TLS, and SAFEROOM_KAFKA_SECURITY_PROTOCOL is PLAINTEXT: set it to SSL"),
        ("PLAINTEXT", "SASL_TLS", "set it to SASL_SSL, and SAFEROOM_KAFKA_USERNAME"),
        ("SASL_PLAINTEXT", "PLAIN", "asks for no user"),
        ("SASL_PLAINTEXT", "SASL_TLS", "set it to SASL_SSL"),
        ("SSL", "PLAIN", "speaks no TLS"),
        ("SSL", "SASL_TLS", "asks for a user"),
        ("SASL_SSL", "SASL", "speaks no TLS"),
        ("SASL_SSL", "TLS", "asks for no user"),
    ],
)
def test_another_protocol_than_the_listeners_was_taken_for_a_kafka_that_is_away(
    protocol: Any, listener: str, told: str, secured: SecuredKafka
) -> None:
    address = secured.addresses.get(listener, secured.bootstrap)
    access = Access(protocol, "SCRAM-SHA-512", USER, PASSWORD, secured.authority.certificate)
    with pytest.raises(ConfigError) as refused:
        list_topics(Address(address, access), timeout_s=0.3)
    assert told in str(refused.value)


def test_an_unknown_ca_was_taken_for_a_kafka_that_is_away(secured: SecuredKafka, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other").certificate
    for ca in (None, other):
        with pytest.raises(
            ConfigError, match=r"certificate that .* does not vouch for .*SAFEROOM_KAFKA_CA_FILE"
        ):
            list_topics(Address(secured.addresses["TLS"], Access("SSL", ca=ca)), timeout_s=0.3)
