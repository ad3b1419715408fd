"""A webhook, signed as Standard Webhooks (https://www.standardwebhooks.com) says.

``webhook-id``: the idempotency id, the same in every attempt. ``webhook-timestamp``: seconds since the epoch,
of the attempt. ``webhook-signature``: ``v1,`` and the base64 of HMAC-SHA256, with the secret as key, over
``{id}.{timestamp}.{body}``. Any library for Standard Webhooks checks it.
"""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Final

import httpx

from reid.errors import Unavailable
from reid.runtime.alerts.receivers import Webhook, key_of
from streams.delivery.message import Outgoing

#: What is read of an answer's body: nobody looks at it, but a connection whose answer was read serves again.
_ANSWER_BYTES: Final = 64 * 1024


def signature(secret: bytes, id_: str, timestamp: int, body: bytes) -> str:
    """Value of ``webhook-signature``."""
    signed = f"{id_}.{timestamp}.".encode() + body
    digest = hmac.new(key_of(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


class WebhookSender:
    """``clock``: seconds since the epoch. One thread sends."""

    def __init__(self, receiver: Webhook, clock: Callable[[], float] = time.time) -> None:
        self._receiver, self._clock = receiver, clock
        # httpx counts each read by itself: a byte a second would go on for ever. A task ends as a whole.
        self._loop = asyncio.Runner()
        # Where a redirection leads was not what the operator named.
        self._client = httpx.AsyncClient(timeout=None, follow_redirects=False, trust_env=False)

    def send(self, message: Outgoing) -> None:
        """One attempt. Raises `Unavailable` unless the answer is 2xx, and all there in time."""
        now = int(self._clock())
        headers = {
            "content-type": "application/json",
            "user-agent": "SafeRoom",
            "webhook-id": message.id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(self._receiver.secret, message.id, now, message.body),
        }
        try:
            answer = self._loop.run(self._post(message.body, headers))
        except TimeoutError as error:
            raise Unavailable(f"no whole answer within {self._receiver.timeout_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        if not answer.is_success:
            raise Unavailable(f"it answered {answer.status_code}")

    async def _post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """Raises `TimeoutError`, or what httpx raises."""
        async with (
            asyncio.timeout(self._receiver.timeout_s),
            self._client.stream("POST", self._receiver.url, content=body, headers=headers) as answer,
        ):
            read = 0
            async for chunk in answer.aiter_raw():
                read += len(chunk)
                if read > _ANSWER_BYTES:
                    break
            return answer

    def close(self) -> None:
        with self._loop:
            self._loop.run(self._client.aclose())
