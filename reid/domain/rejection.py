"""Why a command is refused."""

from reid.contracts.codec import type_name
from reid.contracts.commands import AnyCommand
from reid.contracts.events import CommandRejected


def rejected(command: AnyCommand, code: str, message: str) -> CommandRejected:
    return CommandRejected(
        site_id=command.site_id,
        at=command.issued_at,
        command_id=command.command_id,
        command=type_name(command),
        code=code,
        message=message,
        asked_by=command.issued_by,
    )


def unknown(command: AnyCommand, person_id: str) -> CommandRejected:
    return rejected(command, "unknown_person", f"no person {person_id} in the gallery")
