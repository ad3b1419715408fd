"""From a site's state to what it has learned of itself."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

from deploy.calibration.gathering import Gathered, norm
from deploy.calibration.model import (
    Calibration,
    CameraMean,
    Clock,
    Encoder,
    Gap,
    Scale,
    Way,
)
from reid.contracts.embedding import fixed_to_bytes
from reid.contracts.events import Template
from reid.domain.passages import Count, Passage
from reid.domain.scoring import expected
from reid.domain.state import Lesson, SiteState
from reid.journeys.clocks import ahead, ahead_by_journeys


def summary(found: Gathered) -> Calibration:
    site = found.site
    return Calibration(
        site_id=found.site_id,
        at=found.latest,
        events=found.events,
        policy=site.policy.version if site.policy else None,
        threshold=site.policy.threshold if site.policy else None,
        persons=len(site.persons),
        encoders=tuple(_encoders(found)),
        scales=tuple(_scales(found)),
        means=tuple(_means(site)),
        steps=tuple(found.steps),
        gate=tuple(_gate(found)),
        clocks=tuple(_clocks(found)),
    )


def _models(found: Gathered) -> list[str]:
    site = found.site
    stored = {t.model for person in site.persons.values() for t in person.templates}
    return sorted(stored | site.gallery.centrings.keys() | site.lessons.keys() | found.models.keys())


def _encoders(found: Gathered) -> Iterator[Encoder]:
    for model in _models(found):
        lesson = found.site.lessons.get(model, Lesson())
        known = found.models.get(model)
        knots, agreement = (known.calibration, known.agreement) if known else (None, None)
        yield Encoder(model, knots, agreement, lesson.correction, lesson.answers)


def _scales(found: Gathered) -> Iterator[Scale]:
    """The very spreads that scores are set off against, averaged over the looks of each camera."""
    looks: dict[tuple[str, str], list[tuple[int, Template]]] = defaultdict(list)
    for person in found.site.persons.values():
        for model, camera_id, template in _first(person.templates):
            looks[model, camera_id].append((person.number, template))
    for (model, camera_id), of_camera in sorted(looks.items()):
        known = found.models.get(model)
        common = found.site.centring(model).common(camera_id, camera_id)
        prior = expected(common, known.calibration if known else ())
        cohort = found.site.cohort(model)
        spreads = [cohort.spread(look, camera_id, (number,), prior) for number, look in of_camera]
        mean = sum(s.mean for s in spreads) / len(spreads)
        deviation = sum(s.deviation for s in spreads) / len(spreads)
        yield Scale(model, camera_id, len(spreads), round(mean, 4), round(deviation, 4))


def _first(templates: Sequence[Template]) -> Iterator[tuple[str, str, Template]]:
    """The first of each encoder and camera: those that the site's strangers are made of."""
    seen = set()
    for template in templates:
        if (template.model, template.camera_id) not in seen:
            seen.add((template.model, template.camera_id))
            yield template.model, template.camera_id, template


def _means(site: SiteState) -> Iterator[CameraMean]:
    for model, centring in sorted(site.gallery.centrings.items()):
        for camera_id, known in sorted(centring.cameras.items()):
            length = None if known.mean is None else norm(fixed_to_bytes(known.mean))
            yield CameraMean(model, camera_id, known.tracks, known.stated, length)


def _gate(found: Gathered) -> Iterator[Way]:
    site = found.site
    pairs: dict[tuple[str, str], list[tuple[Passage, Count]]] = defaultdict(list)
    for where, count in sorted(site.passages.counts.items()):
        pairs[where.from_camera, where.to_camera].append((where, count))
    for (one, other), counts in pairs.items():
        walked = found.absences.get((one, other))
        yield Way(
            one,
            other,
            sum(count.hits for _, count in counts),
            sum(count.opportunities for _, count in counts),
            round(median(walked)) if walked else None,
            tuple(
                Gap(
                    _begins(where.gap),
                    _begins(where.gap + 1) if where.gap < _LAST_GAP else None,
                    count.hits,
                    count.opportunities,
                    round(site.passages.odds(where), 2),
                )
                for where, count in counts
            ),
        )


#: See `reid.domain.passages.passage`.
_LAST_GAP = (1 << 16).bit_length()


def _begins(gap: int) -> int:
    """Seconds of absence from which on this gap counts."""
    return 0 if gap == 0 else 1 << (gap - 1)


def _clocks(found: Gathered) -> Iterator[Clock]:
    delays = {camera: arrival.delay for camera, arrival in found.arrivals.items()}
    arrived, walked = ahead(delays), ahead_by_journeys(found.absences)
    for camera in sorted(delays):
        yield Clock(camera, delays[camera], arrived.get(camera), walked.get(camera))
