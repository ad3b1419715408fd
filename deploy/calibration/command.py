"""``saferoom calibration show``: tables, or JSON."""

import sys
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
import typer

from deploy import options
from deploy.calibration.model import Calibration, Clock, Gap

calibration_app = typer.Typer(help="What a site has learned of itself.", no_args_is_help=True)
#: Corrections in the tables, the latest; JSON has all.
_STEPS: Final = 20
#: What to do about a camera whose clock is off.
NTP: Final = "set the time of the host that runs it by NTP"
LINK: Final = "look at its link to Kafka, and at the load of its host"


def register(app: typer.Typer) -> None:
    app.add_typer(calibration_app, name="calibration")


@calibration_app.command("show")
def calibration_show(
    kafka: options.Kafka = None,
    site: options.Site = None,
    home: options.Home = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="As of then, such as 2026-11-22T10:00:00Z.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, every step.")] = False,
) -> None:
    """Scales, camera means, what answers taught, where people go from where, and clocks that are off."""
    from deploy.calibration.gathering import gather
    from deploy.calibration.summary import summary
    from deploy.replay_command import moment_of

    settings = options.settings_from(kafka=kafka, site=site, home=home)
    until = None if at is None else moment_of(at)
    found = summary(gather(settings.kafka(), settings.site_id, until))
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")
    else:
        show(found)


def show(found: Calibration) -> None:
    """Prints the tables. A pipe has no width: there nothing is folded."""
    from rich.console import Console

    from reid.contracts.cloudevents import rfc3339

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 10_000
    console.print(
        f"site {found.site_id} as of {rfc3339(found.at)}: {found.events} events, {found.persons} persons, "
        f"policy {found.policy}, threshold {found.threshold}"
    )
    for title, columns, rows in _tables(found):
        console.print()
        console.print(_table(title, columns, rows) if rows else f"{title}: nothing yet")
    for clock in found.clocks:
        if told := off_by(clock):
            console.print(f"{told}: {NTP}")
        elif told := late_by(clock):
            console.print(f"{told}: {LINK}")


def off_by(clock: Clock) -> str:
    """How much a clock is off; empty when it is not, or nobody can tell."""
    from reid.journeys.clocks import NOTABLE

    if late_by(clock):
        return ""
    known = [off for off in (clock.ahead_ms, clock.ahead_by_journeys_ms) if off is not None]
    off = max(known, key=abs, default=0)
    if abs(off) < NOTABLE:
        return ""
    way = "ahead of" if off > 0 else "behind"
    return f"{clock.camera_id}: its clock seems {abs(off) / 1000:.1f} s {way} the others"


def late_by(clock: Clock) -> str:
    """How late the frames come of a camera whose clock is right, by how people walk; empty when they do not,
    or nobody can tell. By their arrival alone a slow link and a clock that is behind are the same."""
    from reid.journeys.clocks import NOTABLE

    arrived, walked = clock.ahead_ms, clock.ahead_by_journeys_ms
    if arrived is None or walked is None or arrived > -NOTABLE or abs(walked) >= NOTABLE:
        return ""
    late = f"{clock.camera_id}: its frames come {-arrived / 1000:.1f} s after the others'"
    return f"{late}, by a clock that is right"


def _tables(found: Calibration) -> Iterable[tuple[str, str, list[tuple[object, ...]]]]:
    from reid.contracts.cloudevents import rfc3339

    yield (
        "Encoders",
        "encoder|calibration (cosine → similarity)|agreement of crops|learned from answers|answers",
        [
            (e.model, _knots(e.calibration), _agreement(e.agreement), f"{e.learned:+.3f}", e.answers)
            for e in found.encoders
        ],
    )
    yield (
        "Strangers at this site",
        "encoder|camera|looks|mean cosine|deviation",
        [(s.model, s.camera_id, s.looks, f"{s.mean:.3f}", f"{s.deviation:.3f}") for s in found.scales],
    )
    yield (
        "Camera means",
        "encoder|camera|tracks|stated at|length",
        [
            (m.model, m.camera_id, m.tracks, m.stated, "–" if m.norm is None else f"{m.norm:.3f}")
            for m in found.means
        ],
    )
    yield (
        f"Corrections, the last {_STEPS}",
        "time|what|encoder|camera|value|count",
        [
            (rfc3339(s.at), s.kind.replace("_", " "), s.model, s.camera_id or "", f"{s.value:+.3f}", s.count)
            for s in found.steps[-_STEPS:]
        ],
    )
    yield (
        "Ways",
        "from|to|came|could have|median s|after so many seconds: came/could have, log odds",
        [
            (
                w.from_camera,
                w.to_camera,
                w.hits,
                w.opportunities,
                "–" if w.median_ms is None else f"{w.median_ms / 1000:.1f}",
                "  ".join(_gap(gap) for gap in w.gaps),
            )
            for w in found.gate
        ],
    )
    yield (
        "Clocks",
        "camera|least delay ms|ahead of others ms|ahead by journeys ms",
        [
            (
                c.camera_id,
                *("–" if n is None else n for n in (c.delay_ms, c.ahead_ms, c.ahead_by_journeys_ms)),
            )
            for c in found.clocks
        ],
    )


def _gap(gap: Gap) -> str:
    seconds = f"{gap.from_s}+" if gap.to_s is None else f"{gap.from_s}–{gap.to_s}"
    return f"{seconds}: {gap.hits}/{gap.opportunities} {gap.odds:+.1f}"


def _agreement(agreement: float | None) -> str:
    return "not told" if agreement is None else f"{agreement:g}"


def _knots(knots: tuple[tuple[float, float], ...] | None) -> str:
    if knots is None:
        return "no camera reports it"
    return ", ".join(f"{raw:g} → {similarity:g}" for raw, similarity in knots) or "the cosine itself"


def _table(title: str, columns: str, rows: list[tuple[object, ...]]) -> object:
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for name in columns.split("|"):
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(Text(str(cell)) for cell in row))
    return made
