"""Ids, numbers and labels that the log gives out."""

from deploy.verify.findings import Check, Findings
from reid.contracts.events import AnyEvent, GalleryReset, PersonRegistered, PersonSplit
from reid.domain.labels import label
from reid.domain.state import PartitionState


class Registry:
    """Of one partition; each site has its own count."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._ids: set[tuple[str, str]] = set()
        self._number: dict[str, int] = {}
        self._label: dict[str, int] = {}

    def see(self, event: AnyEvent, place: str) -> None:
        match event:
            case PersonRegistered():
                self._registered(event, place)
            case PersonSplit(site_id=site, other=other) if other is not None:
                self._ids.add((site, other.person_id))
                self._number[site] = max(self._number.get(site, -1), other.number)
            case GalleryReset(site_id=site, camera_id=None):
                self._label.pop(site, None)

    def finish(self, state: PartitionState) -> None:
        for site_id, site in state.sites.items():
            holders: dict[str, str] = {}
            for person in site.persons.values():
                other = holders.setdefault(person.label, person.person_id)
                if other != person.person_id:
                    self._differ(f"{site_id}: {other} and {person.person_id} are both {person.label}")

    def _registered(self, event: PersonRegistered, place: str) -> None:
        self._findings.look(Check.PERSONS)
        site, who = event.site_id, event.person_id
        # An import keeps the id that it had elsewhere, also one that was here and is long forgotten.
        if (site, who) in self._ids and not event.source:
            self._differ(f"{place} registers {who} of {site} a second time")
        self._ids.add((site, who))
        if event.number <= self._number.get(site, -1):
            self._differ(f"{place} gives {who} number {event.number}, after {self._number[site]}")
        self._number[site] = max(self._number.get(site, -1), event.number)
        if event.source:
            return  # an imported person keeps its label
        if event.label != label(event.label_number):
            self._differ(f"{place}: label {event.label_number} is not {event.label}")
        if event.label_number <= self._label.get(site, -1):
            self._differ(f"{place} gives label {event.label_number}, after {self._label[site]}")
        self._label[site] = event.label_number

    def _differ(self, what: str) -> None:
        self._findings.differ(Check.PERSONS, what)
