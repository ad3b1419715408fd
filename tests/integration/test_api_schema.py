"""The API does what its description says, whatever is asked, with its servers up and away.

schemathesis makes requests from the OpenAPI document, valid and invalid ones, and checks every answer: no
5xx that is not described, content type, body and status as described, bad requests refused.
"""

import itertools
import threading
from collections.abc import Iterator
from contextlib import closing

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from api.access.keys import KeyFile
from api.commands import now_ms
from api.server import listen, server_of, url_of
from reid.runtime.settings import Settings
from tests.integration.event_log import EventLog, projector
from tests.unit.projections.story import merged, walk

pytestmark = pytest.mark.integration
EXAMPLES = 12


def served(settings: Settings) -> Iterator[str]:
    started = threading.Event()
    server = server_of(settings.model_copy(update={"command_timeout": 0.05}), started.set)
    with closing(listen("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), name="api")
        thread.start()
        assert started.wait(60)
        yield url_of(listener)
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive()


@pytest.fixture
def up(settings: Settings, topics: str, clean_redis: str) -> Iterator[str]:
    """With persons in the views, and nobody who answers commands."""
    with projector(topics, clean_redis):
        EventLog(topics).write(
            *walk("a", 0, "Visitor-A", "room1", "room2"),
            *walk("b", 1, "Visitor-B", "room3"),
            merged("a", "b", "Visitor-A"),
        )
        yield from served(settings)


@pytest.fixture
def away(settings: Settings, topics: str) -> Iterator[str]:
    """Without Redis."""
    yield from served(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))


@pytest.fixture
def guarded(settings: Settings, topics: str, clean_redis: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Where access is asked for, and the header that lets an admin in."""
    key = KeyFile(settings.keys_path).create("admin", "admin", ("*",), now_ms())[1]
    with projector(topics, clean_redis):
        EventLog(topics).write(*walk("a", 0, "Visitor-A", "room1", "room2"))
        for url in served(settings.model_copy(update={"rate_limit": 0.0})):
            yield url, {"Authorization": f"Bearer {key}"}


def conforms(url: str, headers: dict[str, str] | None = None) -> dict[str, int]:
    """Asks every operation; answers by status."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    answers: dict[str, int] = {}
    numbers = itertools.count()
    asked = itertools.product(schema.get_all_operations(), GenerationMode)
    for operation, mode in ((found.ok(), mode) for found, mode in asked):
        if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body):
            continue  # nothing that could be wrong

        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            key = (case.headers or {}).get("idempotency-key")
            if isinstance(key, str) and 0 < len(key) <= 200:
                # A key used for something else is refused, rightly: each request here has its own.
                case.headers["idempotency-key"] = f"{key[:150]}{next(numbers)}"
            _in_order(case.query)
            _in_order(case.body)
            answer = case.call(timeout=10, headers=headers)
            answers[str(answer.status_code)] = answers.get(str(answer.status_code), 0) + 1
            # 503 is described, and the only one: `status_code_conformance` refuses any other.
            case.validate_response(answer, excluded_checks=[not_a_server_error])

        ask()
    return answers


def _in_order(asked: object) -> None:
    """No schema can say that a span begins before it ends; one that does not is refused, rightly."""
    if isinstance(asked, dict):
        since, until = asked.get("since"), asked.get("until")
        if isinstance(since, int | float) and isinstance(until, int | float) and since > until:
            asked["since"], asked["until"] = until, since


def test_with_servers_up(up: str) -> None:
    answers = conforms(up)
    print(answers)
    assert answers["200"] > EXAMPLES
    assert answers["202"] > EXAMPLES
    assert answers["422"] > EXAMPLES
    assert "500" not in answers


def test_where_access_is_asked_for(guarded: tuple[str, dict[str, str]]) -> None:
    """schemathesis asks each operation without its credential too, and with a wrong one."""
    url, headers = guarded
    answers = conforms(url, headers)
    print(answers)
    assert answers["200"] > EXAMPLES and answers["202"] > EXAMPLES and "500" not in answers
    # What is open to all answers as of then too: 422 for a moment that is none, 501 where no past is served.
    assert set(conforms(url)) <= {"200", "204", "401", "404", "422", "501"}


def test_without_redis(away: str) -> None:
    answers = conforms(away)
    print(answers)
    assert answers["503"] > 5 * EXAMPLES
    assert "500" not in answers
