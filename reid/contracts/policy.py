"""The numbers of the decision rule. A policy is data: it is in the log, and its version in every decision."""

from hashlib import sha256
from typing import Final, Literal

import msgspec

#: The form of the rule that this program decides by. Raised when the same numbers decide otherwise.
RULE: Final = 10


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Similarities are calibrated (0 to 1); times in milliseconds.

    ``rule``: the form of the rule, no setting: what was decided by an earlier one is believed, not decided
    anew.
    ``template_novelty``: a crop more similar than this to a stored template adds nothing to the gallery.
    ``template_strictness``: by how much a crop must pass the threshold to be added: a wrong match must not
    teach the gallery. ``look_weight``: what a track looks like, by which it was given its identity, goes on
    growing until it is the mean of crops of so much quality together.
    ``grey_zone``: a best score so little below the threshold waits for more crops before a new person is
    made; one within ``doubt_zone`` until there are twice ``min_samples``. ``doubt_slack``: a bound track's
    crop that falls this far below the threshold, by its encoder or among the site's own strangers, is a
    doubt; ``max_doubts`` of them in a row, and the track is taken from its person; one fewer, where another
    track of the frame looks like that person.
    ``camera_mean``: what all persons look like to a camera is taken away before comparing. ``site_scale``:
    similarities are set off against the site's own strangers; by ``max_correction`` at most.
    ``gate``: how people go from camera to camera, learned from the log, weighs too. ``max_wait``: so long
    after its first good crop a track is decided with what there is.
    ``revise``: by themselves, two ids become one at ``merge_margin`` log odds and more, less ``merge_relief``
    for each track beyond the first that shows what they look like, at even odds at least; a track leaves its
    person at less than minus ``break_margin``, or for another one that fits better by ``better_margin``;
    ``revisions_per_minute`` at most. A template alone is removed that fits the person's others at less than
    minus ``poison_margin``, while those fit each other.
    ``answer_step``: what people answer about decisions moves the site's scale, by so many log odds at most
    each time and by ``max_learned`` in all.
    ``days``: a person not seen since an earlier local day wears something else, perhaps. ``multi_day``: to be
    recognised it takes ``day_strictness`` more; ``same_day``: somebody has to say so. What falls short of
    either is suggested. A day begins ``day_starts`` after midnight; ``utc_offsets``: from then on (ms since
    the epoch), so many seconds east of UTC.
    """

    rule: int = msgspec.field(default_factory=lambda: RULE)
    threshold: float = 0.6
    camera_thresholds: dict[str, float] = {}
    margin: float = 0.03
    min_samples: int = 3
    max_samples: int = 12
    max_wait: int = 4_000
    grey_zone: float = 0.08
    doubt_zone: float = 0.2
    min_quality: float = 0.25
    max_templates: int = 10
    template_novelty: float = 0.92
    template_strictness: float = 0.1
    look_weight: float = 20.0
    doubt_slack: float = 0.3
    max_doubts: int = 3
    camera_mean: bool = True
    site_scale: bool = True
    max_correction: float = 0.35
    gate: bool = True
    revise: bool = True
    merge_margin: float = 1.0
    merge_relief: float = 0.3
    better_margin: float = 0.3
    break_margin: float = 2.5
    poison_margin: float = 2.5
    revisions_per_minute: int = 12
    answer_step: float = 0.3
    max_learned: float = 1.0
    seen_interval: int = 1_000
    track_timeout: int = 5_000
    visit_gap: int = 300_000
    ttl: int = 90 * 86_400_000
    days: Literal["same_day", "multi_day"] = "multi_day"
    day_strictness: float = 0.15
    day_starts: int = 4 * 3_600_000
    utc_offsets: tuple[tuple[int, int], ...] = ((0, 0),)

    def threshold_at(self, camera_id: str) -> float:
        """The camera's own threshold, else the site's."""
        return self.camera_thresholds.get(camera_id, self.threshold)

    @property
    def version(self) -> str:
        """Short hash of all values: two decisions with one version were made by the same rule."""
        canonical = msgspec.json.encode(self, order="deterministic")
        return f"p{self.rule}-" + sha256(canonical).hexdigest()[:10]
