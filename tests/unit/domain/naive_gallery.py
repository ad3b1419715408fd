"""A gallery of plain dictionaries, told which look a crop shows: no vectors, no events, no incremental sums.

A look is ``(actor, variant)``: the same look is certain (1.0), another of the same actor is a match that
teaches something (0.85), another actor's is a stranger (0.0). What happened after a merge is written down,
and told again to both persons as they were when the merge is undone. Times in milliseconds.
"""

from copy import deepcopy
from typing import Any

from tests.unit.domain.naive_person import (
    VISIT_GAP,
    Look,
    Person,
    Track,
    belongs,
    lengthen,
    less,
    tell,
    without,
)

THRESHOLD, TEACHES, NOVEL, DOUBTFUL, DOUBTS = 0.6, 0.7, 0.92, 0.3, 3
TTL, TIMEOUT, ELSEWHERE, INTERVAL, PATIENCE = 3_600_000, 5_000, 30_000, 1_000, 4_000


def similarity(one: Look, two: Look) -> float:
    return 1.0 if one == two else 0.85 if one[0] == two[0] else 0.0


def letters(number: int) -> str:
    return "Visitor-" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number]


class NaiveGallery:
    def __init__(self, crops: int) -> None:
        self.crops = crops
        self.persons: dict[str, Person] = {}
        self.bound: dict[Track, dict[str, Any]] = {}
        self.rejected: dict[Track, set[str]] = {}
        self.pending: dict[Track, dict[str, Any]] = {}
        self.merges: list[dict[str, Any]] = []
        #: Who was told to differ by a frame: ids as of then, tracks by them, when.
        self.told: list[tuple[dict[str, Track | None], int]] = []
        self.number = self.label = 0

    def frame(self, camera: str, now: int, shown: list[Track], crop: Track | None, look: Look) -> None:
        """``crop``: the only one of ``shown`` that brings an appearance, ``look``."""
        self.absences(now, camera)
        self._conflicts(shown, now)
        here = {self.bound[t]["who"] for t in shown if t in self.bound}
        for track in [t for t in shown if t in self.bound]:
            self._present(track, now, look if track == crop else None, here)
        if crop is not None and crop not in self.bound:
            self._identify(crop, now, look, {self.bound[t]["who"]: t for t in shown if t in self.bound})

    def absences(self, now: int, camera: str | None = None) -> None:
        for track, bound in list(self.bound.items()):
            if bound["seen"] < now - (TIMEOUT if camera in (None, track[0]) else ELSEWHERE):
                del self.bound[track]
        for who in [p for p, known in self.persons.items() if known["last"] < now - TTL]:
            self.gone(who)

    def _conflicts(self, shown: list[Track], now: int) -> None:
        holders: set[str] = set()
        for track in sorted((t for t in shown if t in self.bound), key=lambda t: (self.bound[t]["at"], t)):
            who = self.bound[track]["who"]
            if who in holders:
                self._take_away(track, who, differs=True)
            holders.add(who)

    def _present(self, track: Track, now: int, look: Look | None, here: set[str]) -> None:
        bound = self.bound[track]
        if now - bound["seen"] < (INTERVAL if look else 2 * INTERVAL):
            return
        best = self._best(bound["who"], look) if look else None
        if best is not None:
            bound["doubts"] = bound["doubts"] + 1 if best < DOUBTFUL else 0
            bound["sure"] = now if bound["doubts"] == 0 else bound["sure"]
        if bound["doubts"] == DOUBTS:
            self._take_away(track, bound["who"], differs=False, doubted=True)
            return
        bound["seen"] = now
        self._see(bound["who"], track, now, look if best is not None and TEACHES <= best < NOVEL else None)
        self._beside(bound["who"], here, track, now)

    def _identify(self, track: Track, now: int, look: Look, holders: dict[str, Track]) -> None:
        waits = self.pending.setdefault(track, {"crops": 0, "never": set(), "differs": set()})
        waits["crops"] += 1
        since = waits.setdefault("first", now)
        if waits["crops"] < self.crops:
            return
        here = set(holders)
        rejected = {self.holder(who) for who in self.rejected.get(track, set())} - {None}
        free = [p for who, p in self.persons.items() if who not in here | waits["never"] | rejected]
        score, who = self._nearest(free, look)
        beside = [p for p in self.persons.values() if p["id"] in here - waits["never"] - rejected]
        alike, other = self._nearest(beside, look)
        if alike >= max(THRESHOLD, score + 1e-9):
            # Two passed each other, perhaps: whoever holds that name may be the wrong one.
            if self.bound[holders[other]]["doubts"] + 1 >= DOUBTS:
                self._take_away(holders[other], other, differs=False, doubted=True)
                return
            if waits["crops"] < 2 * self.crops and now - since < PATIENCE:
                return
        del self.pending[track]
        if score < THRESHOLD:
            who = self._register(now, (look, track))
        kept = {"never": waits["never"], "differs": waits["differs"]}
        self.bound[track] = {"who": who, "at": now, "seen": now, "sure": now, "doubts": 0, **kept}
        self._see(who, track, now, look if THRESHOLD <= score < NOVEL else None)
        self._beside(who, here | (waits["differs"] & self.persons.keys()) | rejected, track, now)

    def _nearest(self, persons: list[Person], look: Look) -> tuple[float, str]:
        scores = [(self._best(p["id"], look) or 0.0, -p["number"], p["id"]) for p in persons]
        score, _, who = max(scores, default=(0.0, 0, ""))
        return score, who

    def _register(self, now: int, template: tuple[Look, Track]) -> str:
        self.label = self._free(self.label)
        who = self._put(f"person_{now}_{self.number}", self.label, now, [template])
        self.label += 1
        return who

    def _put(self, who: str, label: int, first: int, templates: list[tuple[Look, Track]]) -> str:
        self.persons[who] = {
            "id": who,
            "number": self.number,
            "label": letters(label),
            "cameras": [],
            "visits": 0,
            "started": 0,
            "first": first,
            "last": first,
            "camera": "",
            "spans": {},
            "templates": templates,
            "differs": set(),
        }
        self.number += 1
        return who

    def _see(self, who: str, track: Track, now: int, teaches: Look | None) -> None:
        told = {"kind": "seen", "track": track, "at": now, "template": (teaches, track) if teaches else None}
        tell(self.persons[who], told)
        for merge in self.merges:
            if merge["survivor"] == who:
                merge["since"].append(told)

    def _best(self, who: str, look: Look) -> float | None:
        return max((similarity(look, seen) for seen, _ in self.persons[who]["templates"]), default=None)

    def _take_away(self, track: Track, who: str, differs: bool, doubted: bool = False) -> None:
        bound = self.bound.pop(track)
        if doubted:
            for other in self._told_by({track}, who, bound["sure"], forget=True):
                self._no_more(who, other)
        also = {who} if differs else set()
        self.pending[track] = {
            "crops": 0,
            "never": bound["never"] | {who},
            "differs": bound["differs"] | also,
        }

    def _differ(self, who: str, others: set[str]) -> None:
        for other in others - {who}:
            self.persons[who]["differs"].add(other)
            self.persons[other]["differs"].add(who)

    def _beside(self, who: str, others: set[str], track: Track, now: int) -> None:
        """Whoever of the others was not known to differ is told to, by this frame."""
        for other in sorted(others - {who} - self.persons[who]["differs"]):
            theirs = [(b["at"], t) for t, b in self.bound.items() if b["who"] == other and t[0] == track[0]]
            self._tell({who: track, other: max(theirs)[1] if theirs else None}, now)
            self._differ(who, {other})

    def _no_more(self, one: str, two: str) -> None:
        """They are not known to differ any more, also where one of them comes back from a merge."""
        known = [*self.persons.values(), *(m[side] for m in self.merges for side in ("before", "taken"))]
        for person in known:
            for who, other in ((one, two), (two, one)):
                if self.holder(person["id"]) == who:
                    person["differs"] -= {o for o in person["differs"] if self.holder(o) == other}

    def _tell(self, tracks: dict[str, Track | None], now: int) -> None:
        self.told = [one for one in self.told if one[0].keys() != tracks.keys()]
        self.told.append((tracks, now))

    def _told_by(self, tracks: set[Track], who: str, since: int, forget: bool = False) -> set[str]:
        """Who differs for nothing but what these tracks of ``who`` told since then."""
        about = [(told, self._ends(told[0], who)) for told in self.told]
        ours = [(told, ends) for told, ends in about if ends]
        by_them = {e[1] for told, e in ours if e[0] in tracks and told[1] > since}
        by_them -= {e[1] for told, e in ours if not (e[0] in tracks and told[1] > since)}
        for track, bound in self.bound.items():
            if bound["who"] == who and track not in tracks:
                by_them -= {b["who"] for t, b in self.bound.items() if t[0] == track[0]}
        if forget:
            gone = [told for told, ends in ours if ends[1] in by_them]
            self.told = [told for told in self.told if told not in gone]
        return by_them

    def _ends(self, tracks: dict[str, Track | None], who: str) -> tuple[Track | None, str] | None:
        """The track of ``who``, and who the other one is now; None for others, or if they are one."""
        holders = {self.holder(one): track for one, track in tracks.items()}
        if len(holders) < 2 or who not in holders or None in holders:
            return None
        return holders.pop(who), next(str(other) for other in holders)

    def _free(self, label: int) -> int:
        while letters(label) in {p["label"] for p in self.persons.values()}:
            label += 1
        return label

    def merge(self, one: str, two: str) -> str | None:
        if one == two:
            return "same_person"
        if one not in self.persons or two not in self.persons:
            return "unknown_person"
        first, second = self.persons[one], self.persons[two]
        if two in first["differs"]:
            return "seen_together"
        told = {"before": deepcopy(first), "taken": deepcopy(second), "since": []}
        self.merges.append({"survivor": one, "absorbed": two, **told})
        for merge in self.merges[:-1]:
            if merge["survivor"] == one:
                merge["since"].append({"kind": "merged", "whom": two})
        latest = max(first, second, key=lambda p: (p["last"], -p["number"]))
        gap = max(first["started"], second["started"]) - min(first["last"], second["last"])
        first["visits"] += second["visits"] - (gap <= VISIT_GAP)
        first["first"] = min(first["first"], second["first"])
        first["started"], first["last"], first["camera"] = latest["started"], latest["last"], latest["camera"]
        first["cameras"] += [c for c in second["cameras"] if c not in first["cameras"]]
        first["templates"] = first["templates"] + second["templates"]
        for track, span in second["spans"].items():
            lengthen(first["spans"], track, span)
        self._differ(one, set(second["differs"]))
        self._drop(two)
        for bound in self.bound.values():
            bound["who"] = one if bound["who"] == two else bound["who"]
        for waits in (*self.pending.values(), *self.bound.values()):
            for barred in (waits["never"], waits["differs"]):
                barred |= {one} if two in barred else set()
        return None

    def _drop(self, who: str) -> None:
        del self.persons[who]
        for other in self.persons.values():
            other["differs"].discard(who)

    def gone(self, who: str) -> None:
        """Forgotten, also as it was before any merge."""
        if who in self.persons:
            self._drop(who)
            self.bound = {t: bound for t, bound in self.bound.items() if bound["who"] != who}
        self.told = [told for told in self.told if who not in told[0]]
        for merge in [m for m in self.merges if m["survivor"] == who]:
            self.merges.remove(merge)
            self.gone(merge["absorbed"])

    def forget(self, who: str) -> str | None:
        if who not in self.persons:
            return "unknown_person"
        self.gone(who)
        return None

    def reset(self, camera: str | None) -> None:
        for who in [p for p, known in self.persons.items() if camera is None or camera in known["cameras"]]:
            self.gone(who)
        if camera is None:
            self.label, self.pending = 0, {}

    def rename(self, who: str, label: str) -> str | None:
        if who not in self.persons:
            return "unknown_person"
        if any(p["label"] == label for other, p in self.persons.items() if other != who):
            return "label_taken"
        self.persons[who]["label"] = label
        return None

    def holder(self, who: str) -> str | None:
        while who not in self.persons:
            merge = next((m for m in self.merges if m["absorbed"] == who), None)
            if merge is None:
                return None
            who = merge["survivor"]
        return who

    def unmerge(self, one: str, two: str) -> str | None:
        """Both as they were before, and then all that happened since, told to whose track it is."""
        merge = next((m for m in self.merges if m["absorbed"] == two and m["survivor"] == one), None)
        if merge is None:
            return "no_such_merge"
        if one not in self.persons or [m for m in self.merges if m["survivor"] == one][-1] is not merge:
            return "merged_further"
        ours, theirs = merge["before"], merge["taken"]
        if not ours["templates"] or not theirs["templates"]:
            return "nothing_left"
        self.merges.remove(merge)
        first, second = self._shared_out(merge)
        for told in first:
            tell(ours, told)
        for told in second:
            tell(theirs, told)
        for record in self.merges:
            if record["survivor"] == one:
                place = record["since"].index({"kind": "merged", "whom": two})
                record["since"][place:] = first
            elif record["survivor"] == two:
                record["since"] += second
        ours["label"] = self.persons[one]["label"]
        self.persons[one] = ours
        if any(p["label"] == theirs["label"] for p in self.persons.values()):
            theirs["label"] = letters(self._free(self.label))
        self.persons[two] = theirs
        self.label = self._free(self.label)
        for track, bound in self.bound.items():
            if bound["who"] == one and belongs(track, theirs, ours):
                # Somebody said that it is not the one, so it never goes back by itself.
                bound.update(who=two, never=bound["never"] | {one}, differs=bound["differs"] | {one})
        return None

    def _shared_out(self, merge: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What happened since the merge: of the survivor, and of the one who comes back."""
        first: list[dict[str, Any]] = []
        second: list[dict[str, Any]] = []
        for told in merge["since"]:
            if told["kind"] == "joined":
                theirs = {t for t in told["spans"] if belongs(t, merge["taken"], merge["before"])}
                for side, not_its in ((first, theirs), (second, told["spans"].keys() - theirs)):
                    side += [kept] if (kept := less(told, not_its)) else []
                continue
            (second if belongs(told["track"], merge["taken"], merge["before"]) else first).append(told)
        return first, second

    def move(self, who: str, tracks: set[Track], into: str | None, rejected: bool = False) -> str | None:
        if who not in self.persons or into not in {None, *self.persons}:
            return "unknown_person"
        person = self.persons[who]
        if into == who:
            return "same_person"
        if not tracks or not tracks <= person["spans"].keys():
            return "unknown_track"
        spans = {t: span for t, span in person["spans"].items() if t in tracks}
        moved = [template for template in person["templates"] if template[1] in tracks]
        if len(spans) == len(person["spans"]) or len(moved) == len(person["templates"]):
            return "nothing_left"
        other = into
        if into is None and moved:
            oldest = min(first for first, _ in spans.values())
            label = self._free(self.label)
            other = self._put(f"person_{oldest}_{self.number}", label, oldest, [])
        elif into is None and not rejected:
            return "no_evidence"
        for track in tracks:
            self.rejected.setdefault(track, set()).add(who)
        for differing in self._told_by(tracks, who, 0):
            self._no_more(who, differing)
            if other is not None:
                self._differ(other, {differing})
        for told in list(self.told):
            ends = self._ends(told[0], who)
            if ends is not None and ends[0] in tracks:
                self.told.remove(told)
                theirs = next(track for one, track in told[0].items() if self.holder(one) == ends[1])
                named = next(one for one in told[0] if self.holder(one) == ends[1])
                if other not in (None, ends[1]):
                    self._tell({other: ends[0], named: theirs}, told[1])
        without(person, tracks)
        self._without_in_merges(who, tracks)
        for track, bound in list(self.bound.items()):
            if track in tracks and bound["who"] == who and other is not None:
                bound["who"] = other
                bound["never"] = bound["never"] | {who}
                bound["differs"] = bound["differs"] | {who}
            elif track in tracks and bound["who"] == who:
                self._take_away(track, who, differs=True)
        if other is not None:
            told = {"kind": "joined", "spans": spans, "templates": moved}
            tell(self.persons[other], told)
            for merge in self.merges:
                if merge["survivor"] == other:
                    merge["since"].append(told)
            self._differ(who, {other})
            self.label = self._free(self.label)
        return None

    def _without_in_merges(self, who: str, tracks: set[Track]) -> None:
        """A track that was taken away does not come back by undoing a merge."""
        for merge in [m for m in self.merges if m["survivor"] == who]:
            without(merge["before"], tracks)
            without(merge["taken"], tracks)
            merge["since"] = [kept for told in merge["since"] if (kept := less(told, tracks))]
            self._without_in_merges(merge["absorbed"], tracks)
