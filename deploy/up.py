"""``saferoom up``: everything but cameras, until Ctrl-C."""

import threading

from deploy.preflight import preflight
from deploy.session import console_for_people, running_stack
from deploy.supervisor import Interrupted
from reid.runtime.settings import Settings


def run(settings: Settings) -> None:
    """Blocks until a signal. Raises `ReidError` when a part can't be started."""
    console = console_for_people()
    preflight(settings)
    stopping = threading.Event()

    def tell(line: str) -> None:
        console.print(f"[yellow]![/] {line}")

    with running_stack(settings, console, stopping, tell) as stack:
        try:
            stack.start_servers()
            stack.start_processes()
        except Interrupted:
            return
        console.print(f"\nAPI {stack.api}   Kafka {stack.kafka}   Redis {stack.redis}")
        console.print(f"State and logs in {settings.home}; endpoints in {settings.endpoints_file}")
        console.print("Add a camera:  saferoom camera --camera-id room1 --source VIDEO|URL|0")
        console.print("Ctrl-C ends everything.")
        while not stopping.is_set():
            stack.check()
            stack.supervisor.wait(0.25)
