"""Which process gets which tests, where several share them."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.lanes import ALONE, Lanes, computes, room

ROOT = Path(__file__).parents[2]
ALONE_ONE, ALONE_TWO = "tests/integration/test_supervisor.py", ALONE[0]
COLLECTED = [
    *(f"tests/e2e/test_demo.py::test_{n}" for n in range(5)),
    *(f"tests/integration/test_zones.py::test_{n}" for n in range(5)),
    f"{ALONE_ONE}::test_it",
    ALONE_TWO,
    *(f"tests/integration/test_late.py::test_{n}" for n in range(5)),
    *(f"tests/simulation/test_seeds.py::test_{n}" for n in range(5)),
    *(f"tests/unit/domain/test_step.py::test_{n}" for n in range(5)),
    *(f"tests/unit/api/test_ask.py::test_{n}" for n in range(5)),
]


class Process:
    """One of xdist's, that is told what to run."""

    def __init__(self, number: int) -> None:
        self.gateway = SimpleNamespace(id=f"gw{number}")
        self.shutting_down = False
        self.waiting: list[int] = []
        self.ran: list[str] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        assert not self.shutting_down
        self.waiting += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def lanes(processes: list[Process], collected: list[str]) -> Lanes:
    option = SimpleNamespace(loadscopereorder=True)
    config: Any = SimpleNamespace(
        option=option, getvalue=lambda _: [f"{len(processes)}*popen"], getoption=lambda *_: None
    )
    made = Lanes(config)
    for process in processes:
        made.add_node(process)  # type: ignore[arg-type]
        made.add_node_collection(process, collected)  # type: ignore[arg-type]
    made.schedule()
    return made


def run(made: Lanes, processes: list[Process], collected: list[str], slow: str = "") -> list[str]:
    """All in turn, ``slow`` (its id) every tenth time; returns what was run. One test waits in each process
    until it hears of another or of the end, as xdist does it."""
    order, turn = [], 0
    while any(process.waiting for process in processes):
        turn += 1
        assert turn < 10_000, "stands still"
        for process in processes:
            ready = len(process.waiting) > 1 or (process.waiting and process.shutting_down)
            if ready and (process.gateway.id != slow or turn % 10 == 0):
                index = process.waiting.pop(0)
                process.ran.append(collected[index])
                order.append(collected[index])
                made.mark_test_complete(process, index)  # type: ignore[arg-type]
    assert made.tests_finished and all(process.shutting_down for process in processes)
    return order


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("slow", ["", "gw0", "gw1", "gw2"])
@pytest.mark.parametrize(
    "which", ["tests/", "tests/integration", "tests/unit", "tests/unit/api", "tests/e2e", ALONE_TWO]
)
def test_every_test_is_run_once(count: int, slow: str, which: str) -> None:
    collected = [name for name in COLLECTED if name.startswith(which)]
    processes = [Process(n) for n in range(count)]
    order = run(lanes(processes, collected), processes, collected, slow)
    assert sorted(order) == sorted(collected)


def test_one_computes_the_others_have_servers_and_what_runs_alone_comes_last() -> None:
    processes = [Process(n) for n in range(3)]
    run(lanes(processes, COLLECTED), processes, COLLECTED)
    *serving, computing = processes
    assert all(name.startswith(("tests/unit/", "tests/simulation/")) for name in computing.ran)
    ran = [name for process in serving for name in process.ran]
    assert {name for name in COLLECTED if name.startswith(("tests/e2e/", "tests/integration/"))} <= set(ran)
    (last,) = (p.ran[-2:] for p in serving if ALONE_TWO in p.ran)
    assert last == [f"{ALONE_ONE}::test_it", ALONE_TWO]


def test_who_has_no_more_servers_computes() -> None:
    processes = [Process(n) for n in range(3)]
    run(lanes(processes, COLLECTED), processes, COLLECTED, slow="gw2")
    assert any(name.startswith("tests/unit/") for process in processes[:2] for name in process.ran)


def test_the_place_of_a_dead_process_is_taken() -> None:
    processes = [Process(n) for n in range(3)]
    made = lanes(processes, COLLECTED)
    dead = processes.pop()
    crashed = made.remove_node(dead)  # type: ignore[arg-type]
    assert crashed == COLLECTED[dead.waiting[0]]
    other = Process(3)
    made.add_node(other)  # type: ignore[arg-type]
    made.add_node_collection(other, COLLECTED)  # type: ignore[arg-type]
    made.schedule()
    processes.append(other)
    assert set(run(made, processes, COLLECTED)) == set(COLLECTED)


def test_one_process_of_several_computes() -> None:
    assert [computes(f"gw{n}", 3) for n in range(4)] == [False, False, True, False]
    assert not computes("gw0", 1)


@pytest.mark.parametrize("name", ALONE)
def test_what_runs_alone_is_there(name: str) -> None:
    """A test that is renamed would not run alone any more, and nothing would tell."""
    file, _, test = name.partition("::")
    assert f"def {test or 'test_'}" in (ROOT / file).read_text()


def test_while_one_runs_alone_no_other_does(tmp_path: Path) -> None:
    inside, most, seen_alone = [], 0, 0

    def one(alone: bool) -> None:
        nonlocal most, seen_alone
        for _ in range(20):
            with room(tmp_path / "room", alone):
                inside.append(alone)
                held = list(inside)
                most = max(most, len(held))
                if alone:
                    seen_alone += 1
                    assert held == [True]
                else:
                    assert True not in held
                inside.remove(alone)

    failed: list[BaseException] = []

    def told(alone: bool) -> None:
        try:
            one(alone)
        except BaseException as error:  # noqa: BLE001 told below
            failed.append(error)

    threads = [threading.Thread(target=told, args=(alone,)) for alone in (False, False, True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failed and seen_alone == 20
