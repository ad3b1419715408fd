"""The whole file: rules and receivers."""

from pathlib import Path
from typing import NamedTuple

from reid.contracts.alert_rules import AlertRules
from reid.runtime.alerts.receivers import Receiver, receivers_of
from reid.runtime.alerts.rules import rules_of
from reid.runtime.alerts.yaml_tree import Part, parse, read


class AlertFile(NamedTuple):
    rules: AlertRules
    receivers: list[Receiver]


def load(path: Path) -> AlertFile:
    """Raises `ConfigError` naming file, line, part and remedy."""
    return _of(read(path))


def loads(text: str, name: str = "alerts.yaml") -> AlertFile:
    """As `load`, of a text."""
    return _of(parse(text, name))


def _of(root: Part) -> AlertFile:
    rules = rules_of(root)
    return AlertFile(rules, receivers_of(root, tuple(rule.name for rule in rules.rules)))
