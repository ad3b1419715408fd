"""``saferoom demo``: everything with cameras, shown live; then counted, scored and drawn."""

import shlex
import shutil
import sys
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.live import Live

from deploy import live
from deploy.cast import CASTS, SCENARIOS, written_rules
from deploy.inputs import Simulation, video_files
from deploy.observer import Observer, Offsets
from deploy.places import check_places
from deploy.preflight import preflight
from deploy.report import Recorded, recorded, report, write_json
from deploy.score import Score, score
from deploy.score_table import score_table
from deploy.session import console_for_people, running_stack
from deploy.snapshot import Snapshot
from deploy.stack import Stack
from deploy.supervisor import Interrupted
from producers.detect.select import detector_for
from producers.simulation.scenario import UNUSUAL_FAMILY
from reid.contracts.topics import CAMERAS, COMMANDS, DETECTIONS, EVENTS
from reid.errors import ConfigError, Unavailable
from reid.runtime.admin import admin_client
from reid.runtime.offsets import end_offsets
from reid.runtime.settings import Settings

_TICK_S: Final = 0.25
_LINE_EVERY_S: Final = 5.0
_SETTLE_S: Final = 10.0
_NOTICES: Final = 3
_LEADERS_S: Final = 15.0
#: Where no rules are given: enough to see some.
DEMO_RULES: Final = Path(__file__).parent / "demo_alerts.yaml"


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """The options of ``saferoom demo`` that are not settings. ``duration``: seconds of capturing."""

    videos: tuple[Path, ...] = ()
    people: int = 12
    cameras: int = 4
    seed: int = 0
    family: int = 0
    cast: str = "usual"
    loop: bool = False
    duration: float | None = None
    live: bool = True
    score: bool = False
    json_file: Path | None = None
    save: Path | None = None

    @property
    def ends(self) -> bool:
        """Whether the run is over when its cameras are."""
        return (
            self.duration is not None or not self.live or self.json_file is not None or self.save is not None
        )


@dataclass
class Notices:
    """Lines for people: printed, or kept for the live screen while there is one."""

    console: Console
    last: deque[str] = field(default_factory=lambda: deque(maxlen=_NOTICES))
    on_screen: bool = False

    def __call__(self, line: str) -> None:
        self.last.append(line)
        if not self.on_screen:
            self.console.print(f"[yellow]![/] {line}")


@dataclass
class _Run:
    """One run, from the cameras' start to the last count."""

    settings: Settings
    plan: DemoPlan
    console: Console
    stack: Stack
    videos: list[str]
    began: float
    notices: Notices
    simulation: Simulation | None = None
    sources: list[str] = field(default_factory=list)
    start: Offsets = field(default_factory=dict)
    cameras_at: float = 0.0
    interrupted: bool = False


def run(settings: Settings, plan: DemoPlan) -> int:
    """Blocks until ``plan.duration``, the videos' end, or a signal. Returns the exit code.

    Raises `ReidError` for what is wrong from the start.
    """
    began = time.monotonic()
    console = console_for_people()
    plan = cast_of(plan)
    if settings.alerts is None:
        rules = DEMO_RULES if plan.cast == "usual" else written_rules(settings, plan.cameras)
        settings = settings.model_copy(update={"alerts": rules})
    if settings.crops is None:
        # Simulated people, or recordings that somebody chose to show.
        settings = settings.model_copy(update={"crops": "on"})
    videos = _videos(settings, plan)
    check_places(plan.json_file)
    preflight(settings)
    stopping = threading.Event()
    notices = Notices(console)
    with running_stack(settings, console, stopping, notices) as stack:
        this = _Run(settings, plan, console, stack, videos, began, notices)
        try:
            _start(this)
            _watch(this, stopping, shown=plan.live and console.is_terminal)
        except Interrupted:
            return 0
    console.print(f"The log stays in {settings.home}; to see it again:", end=" ", highlight=False)
    console.print(_again(settings), highlight=False, markup=False, soft_wrap=True)
    return 0


def _again(settings: Settings) -> str:
    """The command as a shell takes it: a path may have spaces."""
    return shlex.join([sys.argv[0], "up", "--home", str(settings.home)])


def cast_of(plan: DemoPlan) -> DemoPlan:
    """The plan with its cast's family. Raises `ConfigError` for a cast that there is not, or a site too
    small for it."""
    if plan.cast not in CASTS:
        raise ConfigError(f"--cast {plan.cast}: there is {' and '.join(CASTS)}")
    if plan.cast == "usual":
        return plan
    if plan.videos:
        raise ConfigError(f"--cast {plan.cast} is the simulated site's: leave --video out")
    family = plan.family or UNUSUAL_FAMILY
    SCENARIOS[plan.cast].check(plan.people, family)
    return replace(plan, family=family)


def _videos(settings: Settings, plan: DemoPlan) -> list[str]:
    """None: the simulated site."""
    if plan.videos:
        if plan.score:
            raise ConfigError("--score compares with the simulated site's truth: leave --video out")
        if settings.detector == "truth":
            raise ConfigError(
                "--detector truth knows the simulated site only: leave --video out, or use auto"
            )
        return [str(path) for path in video_files(plan.videos)]
    return []


def _start(this: _Run) -> None:
    stack = this.stack
    stack.start_servers()
    this.start = _ends(stack.kafka)
    this.sources = this.videos
    if not this.videos:
        plan, now = this.plan, round(time.time() * 1000)
        this.simulation = Simulation(
            plan.people, plan.cameras, plan.seed, now, plan.family, SCENARIOS[plan.cast]
        )
        this.sources = this.simulation.sources()
    cameras = [(f"room{number}", source) for number, source in enumerate(this.sources, 1)]
    stack.start_processes(cameras, this.plan.loop)
    this.cameras_at = time.monotonic()
    _introduce(this)


def _ends(kafka: str) -> Offsets:
    """Where each topic ends now: from here on it is this run's. Raises `Unavailable`."""
    topics = [topic.name for topic in (EVENTS, CAMERAS, DETECTIONS, COMMANDS)]
    client, deadline = admin_client(kafka), time.monotonic() + _LEADERS_S
    while True:
        try:
            ends = end_offsets(client, topics)
            break
        except Unavailable:
            # A topic just made may have a leader in the metadata that does not know it yet.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    found: dict[str, dict[int, int]] = {}
    for (topic, partition), end in ends.items():
        found.setdefault(topic, {})[partition] = end
    return found


def _introduce(this: _Run) -> None:
    api = this.stack.api
    show = "jq" if shutil.which("jq") else None
    lines = (
        f"curl -s {api}/persons" + (" | jq '.persons[] | select(.cameras | length > 1)'" if show else ""),
        f"curl -s {api}/persons/stats" + (" | jq '.cameras | keys'" if show else ""),
        f"curl -s {api}/config" + (" | jq '.person_reid.instance_type'" if show else ""),
    )
    this.console.print(f"\nPage and API  {api}   (described at {api}/openapi.json)\nTry:")
    for line in lines:
        this.console.print(f"  {line}", soft_wrap=True, markup=False)
    this.console.print()


def _watch(this: _Run, stopping: threading.Event, shown: bool) -> None:
    stack = this.stack
    observer = Observer(
        kafka=stack.kafka,
        redis=stack.redis,
        api=stack.api,
        site_id=this.settings.site_id,
        start=this.start,
        pids=stack.pids,
    )
    try:
        running = _until_over(this, observer, stopping, shown)
        this.interrupted = stopping.is_set()
        _conclude(this, observer, running)
    finally:
        observer.close()


def _until_over(this: _Run, observer: Observer, stopping: threading.Event, shown: bool) -> Snapshot:
    """Keeps everything alive and shown. Returns the last snapshot with the cameras on."""
    told_at = this.cameras_at
    screen = Live(console=this.console, refresh_per_second=4, transient=False) if shown else None
    if screen is not None:
        screen.start()
        this.notices.on_screen = True
    try:
        while True:
            this.stack.check()
            snapshot, now = observer.snapshot(), time.monotonic()
            if screen is not None:
                screen.update(live.screen(snapshot, list(this.notices.last), now - this.cameras_at))
            elif now - told_at >= _LINE_EVERY_S:
                told_at = now
                this.console.print(live.one_line(snapshot, now - this.cameras_at), soft_wrap=True)
            if stopping.is_set() or _over(this, now):
                return snapshot
            this.stack.supervisor.wait(_TICK_S)
    finally:
        if screen is not None:
            this.notices.on_screen = False
            screen.stop()


def _over(this: _Run, now: float) -> bool:
    duration = this.plan.duration
    if duration is not None and now - this.cameras_at >= duration:
        return True
    return this.plan.ends and this.stack.supervisor.finished(*this.stack.cameras)


def _conclude(this: _Run, observer: Observer, running: Snapshot) -> None:
    """The cameras end first; what they saw is decided and projected; then it is counted."""
    plan = this.plan
    wanted = plan.score or plan.json_file is not None or plan.save is not None
    if this.interrupted:
        if wanted:
            this.console.print(
                "interrupted: --score, --json and --save need a run that ends by itself (--duration)"
            )
        return
    if not (wanted or plan.duration is not None):
        return
    this.console.print(live.one_line(running, time.monotonic() - this.cameras_at), soft_wrap=True)
    this.stack.end_cameras()
    with this.stack.steps.step("Deciding what is left") as step:
        settled = observer.settle(_SETTLE_S)
        step.detail = (
            f"{len(settled.persons)} persons; lag: agent {settled.agent_lag}, view {settled.view_lag}"
        )
    if (told := live.left_out(running)) is not None:
        this.console.print(f"[yellow]![/] {told}", soft_wrap=True)
    if not wanted:
        return
    with this.stack.steps.step("Reading the log") as step:
        found = recorded(this.stack.kafka, this.settings.site_id, this.start)
        step.detail = f"{len(found.frames)} frames, {found.boxes} boxes, {len(found.ids())} ids"
    result = None if this.simulation is None or not plan.score else _scored(this, this.simulation, found)
    if plan.json_file is not None:
        write_json(plan.json_file, _document(this, observer, running, settled, found, result))
        this.console.print(f"wrote {plan.json_file}", soft_wrap=True)
    if plan.save is not None:
        _save(this, found, plan.save)


def _scored(this: _Run, simulation: Simulation, found: Recorded) -> Score:
    with this.stack.steps.step("Comparing with the truth"):
        result = score(found.frames, simulation.truth(), found.identities)
    this.console.print(score_table(result, simulation.people, found.identities))
    return result


def _document(
    this: _Run,
    observer: Observer,
    running: Snapshot,
    settled: Snapshot,
    found: Recorded,
    result: Score | None,
) -> dict[str, Any]:
    first = running.first_label_at
    return report(
        inputs={
            "sources": this.sources,
            "simulated": None if this.simulation is None else asdict(this.simulation),
            "detector": detector_for(this.settings.detector, this.sources[0] if this.sources else ""),
            "embedder": this.settings.embedder,
            "fps": this.settings.camera_fps,
        },
        seconds={
            "to_cameras": this.cameras_at - this.began,
            "to_first_label": None if first is None else first - this.began,
            "capturing": this.plan.duration,
        },
        running=running,
        settled=settled,
        found=found,
        memory_peak=observer.memory_peak,
        restarts=this.stack.supervisor.restarts,
        answers=observer.answers(),
        score=result,
    )


def _save(this: _Run, found: Recorded, folder: Path) -> None:
    from deploy.save import save

    with this.stack.steps.step("Drawing") as step:
        written = save(found, this.sources, this.settings.camera_fps, folder)
        step.detail = ", ".join(str(path) for path in written)
