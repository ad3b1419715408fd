"""The sender of each kind of receiver."""

from reid.runtime.alerts.receivers import Mqtt, Receiver, Webhook
from streams.delivery.carrier import Sender
from streams.delivery.mqtt import MqttSender
from streams.delivery.webhook import WebhookSender


def sender_of(receiver: Receiver) -> Sender:
    if isinstance(receiver, Webhook):
        return WebhookSender(receiver)
    assert isinstance(receiver, Mqtt)
    return MqttSender(receiver)
