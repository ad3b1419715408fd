"""Alerts on their way to webhooks and MQTT brokers: at least once, each receiver by itself."""
