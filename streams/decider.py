"""The domain as the agent's `Decider`."""

from reid.contracts.events import AnyEvent
from reid.domain.evolve import evolve
from reid.domain.policy import Policies
from reid.domain.snapshot import dump, load
from reid.domain.state import PartitionState
from reid.domain.step import step
from reid.domain.validate import check
from streams.ports import Message


class IdentityDecider:
    """`reid.domain` with the policies of this installation."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    def initial_state(self) -> PartitionState:
        return PartitionState()

    def check(self, message: Message) -> None:
        check(message)

    def step(self, state: PartitionState, message: Message) -> list[AnyEvent]:
        return step(state, message, self._policies)

    def evolve(self, state: PartitionState, event: AnyEvent) -> None:
        evolve(state, event)

    def dump(self, state: PartitionState) -> bytes:
        return dump(state)

    def load(self, raw: bytes) -> PartitionState:
        return load(raw)
