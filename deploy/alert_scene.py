"""What the alert rules make of the documents' scene (`deploy.scene`): the examples of alert events."""

from typing import Final, NamedTuple

from deploy.scene import START, scene
from reid.alerting.state import AlertState
from reid.alerting.step import Source, step
from reid.contracts.alert_rules import FORM, AlertRule, AlertRules, Hours, WatchList, Zone
from reid.contracts.alerts import AlertOpened, AnyAlert
from reid.contracts.cloudevents import Causation, event_id
from reid.contracts.codec import type_name
from reid.contracts.commands import AcknowledgeAlert
from reid.contracts.topics import COMMANDS, DEFAULT_SITE, EVENTS

RULES: Final = AlertRules(
    form=FORM,
    timezone="Europe/Berlin",
    offsets=((0, 3600), (1_774_746_000_000, 7200)),
    hours=tuple(Hours(day, 7 * 60, 19 * 60) for day in range(5)),
    watch_lists=(WatchList("staff", (), ("Night nurse",)),),
    zones=(Zone("server room", ("room3",), {"room3": ((0.0, 200.0), (640.0, 200.0), (640.0, 480.0))}),),
    rules=(
        AlertRule(name="server room", kind="restricted", zone="server room", lists=("staff",), rearm=5_000),
        AlertRule(name="anybody", kind="loitering", severity="info", rearm=60_000, update=1_000),
        AlertRule(name="journey", kind="impossible_journey", travel=(("room2", "room3", 20_000),)),
    ),
)


class ToldAlert(NamedTuple):
    """An alert event, the input that caused it, and its place among that input's alert events."""

    alert: AnyAlert
    cause: Causation
    ordinal: int


def alert_scene() -> tuple[list[ToldAlert], list[AcknowledgeAlert]]:
    """All alert events, in order, and the commands among their inputs."""
    state, told = AlertState(), list[ToldAlert]()
    site, commands = state.site(DEFAULT_SITE), list[AcknowledgeAlert]()
    for offset, identity in enumerate(scene()):
        cause = Causation(EVENTS.name, 1, offset)
        id_ = event_id(identity.cause, type_name(identity.event), identity.ordinal)
        made = step(site, identity.event, Source(str(cause), id_), RULES)
        told += [ToldAlert(alert, cause, ordinal) for ordinal, alert in enumerate(made)]
    opened = next(one.alert for one in told if isinstance(one.alert, AlertOpened))
    for offset, alert_id in enumerate((opened.alert_id, "5c2d7e0e-unknown")):
        command = AcknowledgeAlert(
            site_id=DEFAULT_SITE,
            command_id=f"c-{90 + offset}",
            issued_at=START + 90_000,
            issued_by="desk" if offset == 0 else "",
            alert_id=alert_id,
        )
        cause = Causation(COMMANDS.name, 1, 90 + offset)
        made = step(site, command, Source(str(cause)), RULES)
        told += [ToldAlert(alert, cause, ordinal) for ordinal, alert in enumerate(made)]
        commands.append(command)
    return told, commands
