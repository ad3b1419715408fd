"""``saferoom alerts --check``: what the rules of a file come to."""

import sys

from reid.contracts.alert_rules import AlertRule
from reid.errors import ConfigError
from reid.runtime.alerts.file import load
from reid.runtime.settings import Settings


def check_rules(settings: Settings) -> None:
    """Prints the rules and receivers. Raises `ConfigError` naming the line that is wrong."""
    if settings.alerts is None:
        raise ConfigError("no alert rules: name their file by --alerts or SAFEROOM_ALERTS (docs/alerts.md)")
    rules, receivers = load(settings.alerts)
    lines = [f"{settings.alerts}: version {rules.version}, time zone {rules.timezone}"]
    lines += [f"  {rule.name}: {_said(rule)}" for rule in rules.rules]
    lines += [
        f"  tells {receiver.name} at {receiver.url}: "
        + ", ".join(name.split(".")[2] for name in receiver.events)
        for receiver in receivers
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _said(rule: AlertRule) -> str:
    parts: list[str] = [rule.kind, rule.severity, f"in {rule.zone}" if rule.zone else "everywhere"]
    parts += [f"for {' and '.join(rule.lists)}" if rule.kind == "watched" else ""]
    parts += [f"but {' and '.join(rule.lists)}" if rule.lists and rule.kind != "watched" else ""]
    parts += [f"longer than {rule.longer_than // 1000} s" if rule.longer_than else ""]
    parts += [f"when {rule.when}" if rule.when != "always" else ""]
    return ", ".join(filter(None, parts))
