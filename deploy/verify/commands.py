"""Commands and their answers."""

from deploy.verify.findings import Check, Findings
from reid.contracts.commands import AcknowledgeAlert, AnyCommand, Tick

Id = tuple[str, str]


class Commands:
    """Of one partition. A command that comes twice (same id) is answered once."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._asked: dict[Id, str] = {}
        self._answered: dict[Id, str] = {}

    def asked(self, command: AnyCommand, place: str) -> None:
        if not isinstance(command, Tick | AcknowledgeAlert):
            self._asked.setdefault((command.site_id, command.command_id), place)

    def answered(self, site_id: str, command_id: str, causation: str) -> None:
        """An event with this id, caused by the input at ``causation``. One input may cause several."""
        before = self._answered.setdefault((site_id, command_id), causation)
        if before != causation:
            self._findings.differ(
                Check.COMMANDS, f"command {command_id} was answered to {before}, again to {causation}"
            )

    def finish(self, all_asked: bool) -> None:
        """``all_asked``: no command was deleted by retention."""
        self._findings.look(Check.COMMANDS, len(self._asked))
        for id_, place in self._asked.items():
            if id_ not in self._answered:
                self._findings.differ(Check.COMMANDS, f"command {id_[1]} at {place} was never answered")
        for id_, causation in self._answered.items():
            if all_asked and id_ not in self._asked:
                self._findings.differ(
                    Check.COMMANDS, f"{causation} holds an answer to {id_[1]}, which nobody asked"
                )
