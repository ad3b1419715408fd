"""Whether each camera is sent by one process, for `saferoom doctor`: by its reports."""

from collections.abc import Iterable
from contextlib import closing
from typing import Final

from deploy import log
from reid.contracts.codec import decode_status
from reid.contracts.detections import CameraStatus
from reid.contracts.topics import CAMERAS
from reid.errors import Malformed, ReidError
from reid.runtime.doctor import Check, refused
from reid.runtime.settings import Settings

_CAMERAS: Final = "Cameras"
#: Offsets at the end of the topic that are read: a camera reports about once a second.
_LOOKED_AT: Final = 2_000
#: What was reported before says nothing of now.
_RECENT_MS: Final = 60_000


def check_cameras(settings: Settings, topics: Check, now_ms: int) -> Check:
    """Of all sites. ``topics``: what was found of them."""
    if not topics.ok:
        return Check(_CAMERAS, False, "not checked: see Topics", "put the topics right first")
    try:
        with closing(log.log_reader(settings.kafka())) as consumer:
            spans = log.spans(consumer, CAMERAS.name)
        start = {partition: max(low, end - _LOOKED_AT) for partition, (low, end) in spans.items()}
        return judged(_reports(settings, start), now_ms)
    except ReidError as error:
        return refused(_CAMERAS, error)


def _reports(settings: Settings, start: dict[int, int]) -> Iterable[CameraStatus]:
    for message in log.read(settings.kafka(), CAMERAS.name, start):
        value = message.value()
        if isinstance(value, bytes):
            try:
                yield decode_status(value)
            except Malformed:
                continue  # A report of a later program says nothing to this one.


def judged(reports: Iterable[CameraStatus], now_ms: int) -> Check:
    """Two runs of a camera's tracker, neither of which has ended when the other one goes on, are two
    processes: each starts people's tracks anew, and one person stands in two places at once."""
    latest: dict[tuple[str, str], str] = {}
    left: dict[tuple[str, str], set[str]] = {}
    twice: set[tuple[str, str]] = set()
    for report in reports:
        if report.reported_at < now_ms - _RECENT_MS:
            continue
        camera = report.site_id, report.camera_id
        before = latest.get(camera, report.session)
        if before != report.session:
            left.setdefault(camera, set()).add(before)
        if report.session in left.get(camera, ()):
            twice.add(camera)
        latest[camera] = report.session
    if not twice:
        return Check(_CAMERAS, True, _counted(len(latest)) if latest else "none reported in the last minute")
    return Check(
        _CAMERAS,
        False,
        "sent by two processes at once: "
        + ", ".join(f"{camera} of {site}" for site, camera in sorted(twice)),
        "end one of them, or give each camera an id of its own (--camera-id)",
    )


def _counted(cameras: int) -> str:
    return f"{cameras} camera{'s' * (cameras != 1)} reported in the last minute, each from one process"
