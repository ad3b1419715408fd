"""``saferoom evaluate``: the published yardstick. Neither Kafka nor Redis is needed, unless asked for."""
