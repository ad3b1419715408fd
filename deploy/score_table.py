"""The score, for people."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from deploy.identities import Identities
from deploy.score import Score


def score_table(result: Score, people: int, identities: Identities) -> Group:
    """Ids of each true person, then the totals. ``people``: on the whole site, seen or not."""
    table = Table("true person", "ids", "given", "cameras under the main id", box=None, pad_edge=False)
    for person, ids in result.ids_of.items():
        names = ", ".join(identities.label(person_id) for person_id in ids) or "none"
        table.add_row(f"#{person}", str(len(ids)), names, str(result.cross_camera.get(person, 0)))
    mixed = {name: persons for name, persons in result.persons_of.items() if len(persons) > 1}
    lines = [
        f"true people {people}, seen {result.true_people}, ids given {result.ids_given}",
        f"ids per true person {result.ids_per_person:.2f}, persons per id {result.persons_per_id:.2f}",
        f"frames {result.frames}, true boxes {result.true_boxes}, found {result.detected_share:.1%}, "
        f"of these with an id {result.labelled_share:.1%}, with somebody else's id {result.wrong_share:.1%}, "
        f"IDF1 {result.idf1:.3f}",
    ]
    if mixed:
        shared = "; ".join(
            f"{identities.label(name)}: {', '.join(f'#{person}' for person in persons)}"
            for name, persons in mixed.items()
        )
        lines.append(f"ids given to several people: {shared}")
    return Group(table, Text("\n".join(lines)))
