"""What receivers are told, how it is signed, and what is made of their secrets."""

import hashlib
import hmac
from base64 import b64decode, b64encode

import msgspec
import pytest

from reid.contracts.alerts import AlertClosed, AlertOpened
from reid.runtime.alerts.receivers import Webhook, key_of
from streams.delivery.message import outgoing, wanted
from streams.delivery.mqtt import _level
from streams.delivery.webhook import signature
from tests.unit.alerting.story import Story, rule, seen, tick


def test_a_signature_is_that_of_standard_webhooks() -> None:
    """The example of https://github.com/standard-webhooks/standard-webhooks (its libraries' tests)."""
    secret = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    found = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_plain_secret_is_its_own_key() -> None:
    digest = hmac.new(b"secret", b"id.5.body", hashlib.sha256).digest()
    assert signature(b"secret", "id", 5, b"body") == "v1," + b64encode(digest).decode()
    assert key_of(b"whsec_YQ==") == b64decode("YQ==")


@pytest.mark.parametrize("secret", [b"whsec_not base64!", b"whsec_YQ", b"whsec_"])
def test_a_secret_that_was_not_copied_whole_was_its_own_key(secret: bytes) -> None:
    with pytest.raises(ValueError, match=r"base64|padding|no key"):
        key_of(secret)


@pytest.fixture
def story() -> Story:
    return Story(rule("restricted", severity="warning", rearm=1_000)).when(seen("a", 0), tick(10))


def test_a_body_says_what_the_event_says(story: Story) -> None:
    event = story.event(AlertOpened)
    message = outgoing("id-1", event)
    assert message is not None
    body = msgspec.json.decode(message.body)
    assert body["id"] == "id-1" and body["type"] == "reid.alert.opened.v1"
    assert body["data"]["alert_id"] == event.alert_id and body["data"]["evidence"]["cause"]
    assert "type" not in body["data"] and body["timestamp"].endswith("Z")
    assert outgoing("id-2", story.log[0]) is None, "nobody is told of adopted rules"


@pytest.mark.parametrize(
    ("fields", "opened", "closed"),
    [
        ({}, True, True),
        ({"events": ("reid.alert.opened.v1",)}, True, False),
        ({"rules": ("other",)}, False, False),
        ({"rules": ("restricted",)}, True, True),
        ({"severity": "critical"}, False, False),
        ({"severity": "warning"}, True, True),
    ],
)
def test_a_receiver_is_told_what_it_asked_for(
    story: Story, fields: dict[str, object], opened: bool, closed: bool
) -> None:
    receiver = Webhook("hook", "http://x/", **fields)  # type: ignore[arg-type]
    for kind, expected in ((AlertOpened, opened), (AlertClosed, closed)):
        message = outgoing("id", story.event(kind))
        assert message is not None and wanted(receiver, message) is expected


def test_a_rule_of_any_name_is_one_level_of_a_topic() -> None:
    assert _level("server/room #1+") == "server_room _1_"
