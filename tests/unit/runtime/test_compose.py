"""docker-compose.yml: valid by the published schema, true to our settings and CLI, closed to the outside.

``compose-spec.json`` is the Compose Specification's own JSON schema, unchanged (Apache License 2.0, see
``compose-spec.LICENSE``).
"""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from jsonschema import Draft202012Validator

import deploy.processes
from deploy.cli import app
from reid.runtime.servers.jars import kafka_version, locked
from reid.runtime.settings_table import all_environment_names

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
COMMAND: Any = typer.main.get_command(app)
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def _errors(document: dict[str, Any]) -> list[str]:
    return [error.json_path for error in Draft202012Validator(SCHEMA).iter_errors(document)]


def test_it_is_valid_by_the_compose_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert _errors(COMPOSE) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("services", "api", "helthcheck"), {}),
        (("services", "api", "depends_on", "kafka", "condition"), "healthy"),
        (("services", "redis", "ports"), 6379),
        (("service",), {}),
    ],
)
def test_the_schema_would_find_a_mistake(path: tuple[str, ...], value: object) -> None:
    broken = copy.deepcopy(COMPOSE)
    place = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert _errors(broken)


def test_it_has_every_service() -> None:
    ours = {"topics", "worker", "projector", "past", "embedder", "api", "alerts", "zones", "cameras"}
    assert set(SERVICES) == {"kafka", "redis", *ours}
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert profiles == {"cameras": ["demo"], "alerts": ["alerts"], "zones": ["zones"]}


def test_every_process_of_ours_is_a_service_that_says_when_it_is_ready() -> None:
    """The post between a site and its zones had none: with SAFEROOM_ZONES set, nobody was joined."""
    processes = {name.removeprefix("run_") for name in vars(deploy.processes) if name.startswith("run_")}
    assert processes == set(OURS) - {"topics"}
    for name in processes - {"api", "cameras"}:
        assert OURS[name]["command"] == [name]
        assert (
            OURS[name]["healthcheck"]["test"][-1]
            == f"{OURS[name]['environment']['SAFEROOM_HOME']}/run/{name}.ready"
        )


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_ours_is_a_setting(name: str) -> None:
    assert set(OURS[name]["environment"]) <= all_environment_names()
    assert {"KAFKA_BOOTSTRAP_SERVERS", "REDIS_URL"} <= set(OURS[name]["environment"])


@pytest.mark.parametrize("name", OURS)
def test_every_command_of_ours_is_one_that_the_cli_takes(name: str) -> None:
    words = list(OURS[name]["command"])
    command: Any = COMMAND
    context: Any = None
    while words and hasattr(command, "commands"):
        context = command.make_context("saferoom", [], parent=context, resilient_parsing=True)
        _, command, words = command.resolve_command(context, words)
    parsed = command.make_context(name, words, parent=context)
    assert parsed.args == []


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_the_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)
    assert SERVICES[name].get("network_mode") is None
    assert SERVICES[name]["networks"] == ["saferoom"]


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_runs_as_root_or_with_privileges(name: str) -> None:
    service = SERVICES[name]
    # The Kafka image has a user of its own, `appuser`; root is refused to it by the dropped capabilities.
    assert name == "kafka" or service["user"] not in ("root", "0", "0:0")
    assert service["cap_drop"] == ["ALL"]
    assert not service.get("privileged") and not service.get("cap_add")
    assert "no-new-privileges:true" in service["security_opt"]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_to_a_whole_version(name: str) -> None:
    assert re.search(r":\d+\.\d+\.\d+(-\w+)?$", SERVICES[name]["image"])


def test_it_runs_the_same_kafka_as_the_embedded_one() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka_version(locked())}"


def test_the_controller_is_the_containers_own_and_the_loopback_listener_names_the_loopback() -> None:
    environment = SERVICES["kafka"]["environment"]
    listeners = dict(part.split("://") for part in environment["KAFKA_LISTENERS"].split(","))
    advertised = dict(part.split("://") for part in environment["KAFKA_ADVERTISED_LISTENERS"].split(","))
    assert listeners["CONTROLLER"].startswith("localhost:")
    assert advertised == {"INTERNAL": "kafka:29092", "LOOPBACK": "127.0.0.1:9092"}
    assert environment["KAFKA_CONTROLLER_QUORUM_VOTERS"] == f"1@{listeners['CONTROLLER']}"
    assert OURS["worker"]["environment"]["KAFKA_BOOTSTRAP_SERVERS"] == advertised["INTERNAL"]
    assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_everyone_waits_until_what_it_needs_is_healthy() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            if other == "topics":
                assert how == {"condition": "service_completed_successfully"}
            else:
                assert how == {"condition": "service_healthy"}, f"{name} on {other}"
                assert "healthcheck" in SERVICES[other], f"{name} would wait for {other} for ever"
    for name in ("worker", "projector", "past", "alerts", "zones", "api", "cameras"):
        assert {"kafka", "topics"} <= set(SERVICES[name]["depends_on"])
    for name in ("projector", "api"):
        assert "redis" in SERVICES[name]["depends_on"]


def test_data_lies_on_named_volumes() -> None:
    mounts = [m for s in SERVICES.values() for m in s.get("volumes", []) if isinstance(m, str)]
    assert {mount.split(":")[0] for mount in mounts} == set(COMPOSE["volumes"])
    assert SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"] in mounts[0]


def test_who_writes_reads_and_deletes_pictures_does_it_in_one_place() -> None:
    """With SAFEROOM_CROPS=on each container had a store of its own: no picture was ever shown."""
    at = {name: OURS[name]["environment"]["SAFEROOM_CROPS_STORE"] for name in ("cameras", "api", "projector")}
    (default,) = {re.sub(r"^\$\{SAFEROOM_CROPS_STORE:-(.*)\}$", r"\1", where) for where in at.values()}
    for name in at:
        assert OURS[name]["volumes"] == [f"crops:{default}"]
    dockerfile = (ROOT / OURS["api"]["build"]["dockerfile"]).read_text()
    owner = OURS["api"]["user"].split(":")[0]
    assert re.search(rf"install --directory --owner {owner} .* {default}$", dockerfile, re.MULTILINE)


def test_the_alert_rules_are_the_hosts_file_and_only_read() -> None:
    (mount,) = SERVICES["alerts"]["volumes"]
    assert mount["read_only"] and mount["target"] == SERVICES["alerts"]["environment"]["SAFEROOM_ALERTS"]
    assert mount["bind"] == {"create_host_path": False}, "a missing file must be told, not made a directory"


def test_the_api_finds_the_services_it_asks() -> None:
    api = SERVICES["api"]["environment"]
    for name in ("embedder", "past"):
        port = SERVICES[name]["environment"][f"SAFEROOM_{name.upper()}_PORT"]
        assert api[f"SAFEROOM_{name.upper()}_URL"] == f"http://{name}:{port}"
        assert "ports" not in SERVICES[name], "asked by the API alone"


def test_the_image_is_pinned_and_not_run_by_root() -> None:
    dockerfile = (ROOT / OURS["api"]["build"]["dockerfile"]).read_text()
    bases = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    assert bases and all(re.search(r":\d+\.\d+\.\d+-", base) for base in bases)
    assert re.findall(r"^USER (\S+)", dockerfile, re.MULTILINE)[-1] == OURS["api"]["user"]
    assert "--require-hashes" in dockerfile
    for folder in re.findall(r"^COPY (\w+) \1$", dockerfile, re.MULTILINE):
        assert (ROOT / folder / "__init__.py").is_file()
